package source

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"
)

// cut returns a context that is over soon.
func cut(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, context.Canceled)
	t.Cleanup(cancel)
	return ctx
}

func TestInterrupted(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, read := range map[string]func(context.Context) ([]byte, error){
		"a pipe":          func(ctx context.Context) ([]byte, error) { return Read(ctx, r) },
		"a pipe by name":  func(ctx context.Context) ([]byte, error) { return File(ctx, fifo) },
		"what never ends": func(ctx context.Context) ([]byte, error) { return Read(ctx, forever{}) },
	} {
		if _, err := read(cut(t)); err == nil || err.Error() != "interrupted" || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("too much memory"))
	if _, err := Read(ctx, r); err == nil || err.Error() != "too much memory" {
		t.Errorf("without memory: %v", err)
	}
}

// forever has the next byte in a while.
type forever struct{}

func (forever) Read(b []byte) (int, error) { time.Sleep(time.Millisecond); return 1, nil }

func TestLimited(t *testing.T) {
	if b, err := limited(strings.NewReader("abcd"), 4); string(b) != "abcd" || err != nil {
		t.Errorf("%q %v", b, err)
	}
	if b, err := limited(bytes.NewReader(make([]byte, 1<<20+1)), 1<<20); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestIn(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.star"), []byte("x = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := os.DirFS(dir)
	for name, want := range map[string]string{"fifo": "is no regular file", ".": "is a directory", "b.star": "no such file"} {
		if _, err := In(t.Context(), tree, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if b, err := In(t.Context(), tree, "a.star"); string(b) != "x = 1" || err != nil {
		t.Errorf("%q %v", b, err)
	}
	if b, err := In(t.Context(), fstest.MapFS{"a.star": {Data: []byte("y")}}, "a.star"); string(b) != "y" || err != nil {
		t.Errorf("of a program: %q %v", b, err)
	}
}
