// Package source reads what people give: scripts and what comes with them. It does
// not wait for ever, and does not take everything.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// most is how large a script may be: one of a million routes fits.
const most = 128 << 20

// Await returns what read does, or when ctx is over. A read that waits for a pipe
// cannot be ended: it is left behind.
func Await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	c := make(chan result, 1)
	go func() {
		b, err := read()
		c <- result{b, err}
	}()
	select {
	case r := <-c:
		return r.b, r.err
	case <-ctx.Done():
		return nil, &overError{context.Cause(ctx)}
	}
}

// An overError says that ctx was over: why, in words of people.
type overError struct{ cause error }

func (e *overError) Error() string {
	if errors.Is(e.cause, context.Canceled) {
		return "interrupted"
	}
	return e.cause.Error()
}

func (e *overError) Unwrap() error { return e.cause }

// Read reads a script from r.
func Read(ctx context.Context, r io.Reader) ([]byte, error) {
	return Await(ctx, func() ([]byte, error) { return limited(r, most) })
}

// File reads a script from a file, of whatever type. One that nobody waits for is read
// at once: a thread beside would cost the start of a program.
func File(ctx context.Context, name string) ([]byte, error) {
	if st, err := os.Stat(name); err == nil && st.Mode().IsRegular() && 0 < st.Size() && st.Size() <= most {
		return os.ReadFile(name)
	}
	return Await(ctx, func() ([]byte, error) {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		b, err := limited(f, most)
		if err != nil && !errors.As(err, new(*fs.PathError)) {
			err = &fs.PathError{Op: "read", Path: name, Err: err}
		}
		return b, err
	})
}

// In reads a script from a file of a tree, which must be a regular one.
func In(ctx context.Context, tree fs.FS, name string) ([]byte, error) {
	return Await(ctx, func() ([]byte, error) {
		st, err := fs.Stat(tree, name)
		switch {
		case err != nil:
			return nil, err
		case st.IsDir():
			return nil, errors.New("is a directory")
		case !st.Mode().IsRegular():
			return nil, errors.New("is no regular file")
		}
		f, err := tree.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return limited(f, most)
	})
}

// limited reads r to its end, which has to come soon enough.
func limited(r io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		return nil, fmt.Errorf("larger than %d MiB, the most that a script may be", most>>20)
	}
	return b, err
}
