package tx

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// journalOf is a journal with a commit, how far it got, and a deadline. ends says
// where its records do.
func journalOf(t *testing.T) (j *Journal, b []byte, ends []int) {
	t.Helper()
	j, err := CreateJournal(t.TempDir(), Head{Cookie: 7, Script: "a.star"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	var img image
	fill(reflect.ValueOf(&img).Elem(), rand.New(rand.NewPCG(5, 6)), 6)
	for _, write := range []func() error{
		func() error { return nil },
		func() error { return j.write(record{Commit: &img}) },
		func() error { return j.sending(0, 1, 1, 0) },
		func() error { return j.sent(1) },
		func() error { return j.Commit(time.Minute) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if b, err = os.ReadFile(j.f.Name()); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(b))
	}
	return j, b, ends
}

// readBytes reads a journal with these bytes.
func readBytes(t *testing.T, path string, b []byte) (h Head, images []*image, err error) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, images, _, err = readJournal(f, true)
	if head, herr := HeadOf(f); (herr == nil) != (err == nil) || !reflect.DeepEqual(head, h) {
		t.Errorf("read without its commits: %+v, %v; with them: %+v, %v", head, herr, h, err)
	}
	return h, images, err
}

// Whatever byte is another, the journal is broken, and not taken for something else,
// nor for one that is cut short.
func TestJournalDamaged(t *testing.T) {
	_, b, _ := journalOf(t)
	path := filepath.Join(t.TempDir(), "x")
	for i := range b {
		for _, mask := range []byte{0x01, 0x80, 0xff} {
			b[i] ^= mask
			if _, _, err := readBytes(t, path, b); !errors.As(err, new(*BrokenError)) {
				t.Errorf("byte %d of %d, xor %#x: %v", i, len(b), mask, err)
			}
			b[i] ^= mask
		}
	}
	if _, _, err := readBytes(t, path, append(b, make([]byte, 64)...)); !errors.As(err, new(*BrokenError)) {
		t.Errorf("zeros behind it: %v", err)
	}
}

// One that is cut short is what it was when its last whole record was there; one
// that has not even its head is broken, unless there is nothing of it.
func TestJournalCut(t *testing.T) {
	_, b, ends := journalOf(t)
	path := filepath.Join(t.TempDir(), "x")
	for n := range b {
		h, images, err := readBytes(t, path, b[:n])
		switch {
		case n == 0:
			if err != nil || h.Cookie != 0 {
				t.Errorf("empty: %+v, %v", h, err)
			}
		case n < ends[0]:
			if !errors.As(err, new(*BrokenError)) {
				t.Errorf("%d of %d bytes of its head: %v", n, ends[0], err)
			}
		case err != nil || h.Cookie != 7 || h.Due != 0 || (len(images) == 1) != (n >= ends[1]):
			t.Errorf("%d bytes: %+v, %d commits, %v", n, h, len(images), err)
		case n >= ends[1] && (images[0].progress.open() != (n >= ends[2] && n < ends[3])):
			t.Errorf("%d bytes: %+v", n, images[0].progress)
		}
	}
}

// What is written behind a record that is cut short is no part of it.
func TestJournalMended(t *testing.T) {
	_, b, ends := journalOf(t)
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, b[:ends[3]-1], 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.sent(1); err != nil {
		t.Fatal(err)
	}
	if err := Hasten(path); err != nil {
		t.Fatal(err)
	}
	h, images, _, err := readJournal(j.f, true)
	if err != nil || h.Due == 0 || len(images) != 1 || images[0].progress.sent != 1 {
		t.Errorf("%+v, %d commits, %v", h, len(images), err)
	}
}
