package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"go.starlark.net/starlark"
	"golang.org/x/sys/unix"
)

// An Option changes what New makes.
type Option func(*Engine) error

// WithNetNS makes the engine work in the network namespace of a descriptor,
// which is duplicated. The default is the namespace of the thread that calls New.
func WithNetNS(fd int) Option {
	return func(e *Engine) error {
		d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return fmt.Errorf("network namespace: descriptor %d: %w", fd, err)
		}
		if typ, err := unix.IoctlRetInt(d, unix.NS_GET_NSTYPE); err != nil || typ != unix.CLONE_NEWNET {
			unix.Close(d)
			return fmt.Errorf("network namespace: descriptor %d is not one", fd)
		}
		e.ns.set(d)
		return nil
	}
}

// WithFS says what load() may read; the default is nothing. Names are relative
// to the directory of the file that loads, and cannot leave root.
func WithFS(root fs.FS) Option {
	return func(e *Engine) error { e.fs = root; return nil }
}

// WithPredeclared adds names to those scripts know. The values are frozen; a
// name that is taken is an error of New.
func WithPredeclared(d starlark.StringDict) Option {
	return func(e *Engine) error {
		for name, v := range d {
			if _, taken := e.predeclared[name]; taken {
				return fmt.Errorf("predeclared name %q is taken", name)
			}
			v.Freeze()
			e.predeclared[name] = v
		}
		return nil
	}
}

// WithLimits bounds what scripts may use.
func WithLimits(l Limits) Option {
	return func(e *Engine) error {
		if l.Ops < 0 || l.Bytes < 0 || l.Run < 0 || l.Undo < 0 {
			return errors.New("a limit is negative")
		}
		e.limits = l
		return nil
	}
}

// WithPolicy has f look at each commit between plan and send: an error of f
// refuses it, and the run is undone. The Plan holds this commit only. f is asked
// again when the commit is planned anew, as others changed what it touches meanwhile.
func WithPolicy(f func(context.Context, *Plan) error) Option {
	return func(e *Engine) error { e.policy = f; return nil }
}

// WithLogger says where phases, counts and durations go (level Debug), progress
// (Debug, message "progress") and what print() says (Info). The default is
// nowhere.
func WithLogger(l *slog.Logger) Option {
	return func(e *Engine) error { e.log = l; return nil }
}

// WithFacts makes the engine work without a kernel: names of devices come from
// f, reads too, and commits are recorded in the Result's Plan instead of sent.
func WithFacts(f Facts) Option {
	return func(e *Engine) error { e.facts = &f; return nil }
}
