package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/tx"
)

// openCopy is Open in a rehearsal: of a namespace that is there a copy is opened,
// and what the run makes gets no name.
func (l *spaces) openCopy(p *builtins.Place, file string, create bool) (*tx.Space, error) {
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
	id, err := identity(int(f.Fd()))
	if err != nil {
		f.Close()
		return nil, err
	}
	if id == r.home {
		f.Close()
		return l.own()
	}
	if sp := r.copies[id]; sp != nil {
		f.Close()
		sp.names = append(sp.names, file)
		return &sp.Space, nil
	}
	from := &namespace{f}
	r.open = append(r.open, from)
	sp := l.add(p, file)
	sp.unnamed()
	part := &Rehearsal{}
	if err = sp.ns.fresh(); err == nil {
		err = part.fill(l.s.ctx, from, &sp.ns, nil)
	}
	r.open = append(r.open, part.open...)
	if err == nil {
		sp.ID, err = identity(sp.ns.fd())
	}
	if err == nil {
		err = sp.dial(false)
	}
	if err != nil {
		sp.drop()
		return nil, fmt.Errorf("copying network namespace %s: %w", p, err)
	}
	sp.Kernel.Sys = &rehearsedSys{own: procSys{&sp.ns}, real: procSys{from}, written: map[string]string{}, r: r}
	r.Links += part.Links
	for _, name := range part.StandIns {
		r.StandIns = append(r.StandIns, p.String()+"/"+name)
	}
	for _, n := range part.Notes {
		r.Notes = append(r.Notes, "netns "+p.String()+": "+n)
	}
	if r.copies == nil {
		r.copies = map[string]*space{}
	}
	r.copies[id] = sp
	return &sp.Space, nil
}
