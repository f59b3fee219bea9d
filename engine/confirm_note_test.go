package engine

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/tx"
)

// What is decided of a run is too late when its journal has gone, and for no other
// reason.
func TestDecisionNotNoted(t *testing.T) {
	e := &Engine{journal: t.TempDir()}
	j, err := tx.CreateJournal(e.journal, tx.Head{Cookie: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Commit(time.Minute); err != nil {
		t.Fatal(err)
	}
	path := j.File().Name()
	by := j.Head().Deadline.Format(time.TimeOnly)
	for cause, want := range map[error]string{
		unix.ENOSPC: "no space left on device; the run is still to be undone at " + by,
		unix.EROFS:  "read-only file system; the run is still to be undone at " + by,
		unix.ENOENT: "too late: the run was undone",
	} {
		err := e.decideOne(context.Background(), path, func(string) error { return &fs.PathError{Op: "write", Path: path, Err: cause} })
		if err == nil || !strings.Contains(err.Error(), want) || (cause != unix.ENOENT && strings.Contains(err.Error(), "too late")) {
			t.Errorf("%v: %v, want %s", cause, err, want)
		}
	}
	// One that cannot be read is not one that is not there.
	if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.decideOne(context.Background(), path, keep); err == nil || err == errNothingPending {
		t.Errorf("damaged: %v", err)
	}
}
