package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/tx"
)

// openCopy is Open in a rehearsal: of a namespace that is there a copy is opened,
// and what the run makes gets no name.
func (l *spaces) openCopy(p *builtins.Place, file string, create bool) (*tx.Space, error) {
	if q := l.s.e.rehearsal.given; q != nil {
		return l.given(q, p, file)
	}
	f, err := openSpace(p, file)
	switch {
	case err == nil:
		return l.copied(p, file, f)
	case !errors.Is(err, fs.ErrNotExist) || !create || p.PID != 0:
		return nil, err
	}
	made, err := l.fresh(p, file)
	if err != nil {
		return nil, err
	}
	l.list[len(l.list)-1].unnamed()
	return made, nil
}

// given is openCopy where another process has read what there is to copy, which had
// no right to enter any namespace but its own.
func (l *spaces) given(q *request, p *builtins.Place, file string) (*tx.Space, error) {
	own := slices.Contains(q.Files, file)
	if f, err := openSpace(p, file); err == nil {
		id, err := identity(int(f.Fd()))
		own = own || err == nil && id == q.ID
		f.Close()
	}
	if own {
		return l.own()
	}
	return nil, fmt.Errorf("network namespace %s: to work in it takes CAP_SYS_ADMIN, and so does a copy of it", p)
}

// filesOf are the files by which a namespace can be opened.
func filesOf(id string) (files []string) {
	for _, p := range append(candidates(), &builtins.Place{Path: "/proc/self/ns/net"}, &builtins.Place{Path: threadNetNS}) {
		var st unix.Stat_t
		if unix.Stat(p.File(), &st) == nil && identityOf(&st) == id {
			files = append(files, p.File())
		}
	}
	return files
}

// unnamed keeps a namespace of a rehearsal from getting its name.
func (sp *space) unnamed() {
	sp.Bind = func() error {
		sp.Missing = false
		return nil
	}
	sp.Unbind = func() error {
		sp.drop()
		return nil
	}
}

// copied makes a copy of the namespace f, once whatever it is called.
func (l *spaces) copied(p *builtins.Place, file string, f *os.File) (*tx.Space, error) {
	r := l.s.e.rehearsal
	from := &namespace{f}
	r.open = append(r.open, from)
	id, err := identity(from.fd())
	if err != nil {
		return nil, err
	}
	for _, d := range r.copies {
		switch {
		case d.id != id:
		case d.space == nil:
			return l.own()
		default:
			d.space.names = append(d.space.names, file)
			return &d.space.Space, nil
		}
	}
	d, err := r.roomFor(from)
	if err == nil && d == nil {
		d, err = r.double()
	}
	if err != nil {
		return nil, err
	}
	sp := l.add(p, file)
	sp.unnamed()
	d.of, d.id, d.space = from, id, sp
	if _, err = r.fill(l.s.ctx, d, nil); err == nil {
		err = sp.take(&d.ns)
	}
	if err != nil {
		sp.drop()
		return nil, fmt.Errorf("copying network namespace %s: %w", p, err)
	}
	sp.Kernel.Sys = &rehearsedSys{own: procSys{&sp.ns}, real: procSys{from}, written: map[string]string{}, r: r}
	return &sp.Space, nil
}

// take opens a namespace that is there.
func (sp *space) take(ns *namespace) error {
	fd, err := unix.FcntlInt(uintptr(ns.fd()), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	sp.ns.set(fd)
	if sp.ID, err = identity(fd); err != nil {
		return err
	}
	return sp.dial(false)
}
