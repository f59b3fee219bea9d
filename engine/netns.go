package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// spaces are the network namespaces of a run, opened when ops first name them.
type spaces struct {
	s    *session
	home *tx.Space
	list []*space

	count int // of those there were
}

// A space is a namespace other than the one the run works in.
type space struct {
	tx.Space
	in    *spaces
	file  string // by which it was opened
	names []string
	ns    namespace
	lock  *os.File     // held by the run that works in it
	st    *state.State // dry: after the commits so far
	facts *Facts       // of an engine that works with facts
}

var _ tx.Spaces = (*spaces)(nil)

// Open implements tx.Spaces.
func (l *spaces) Open(p *builtins.Place, create bool) (*tx.Space, error) {
	if p == nil {
		return l.own()
	}
	if p.Name != "" {
		if err := rtnl.NetNSName(p.Name); err != nil {
			return nil, err
		}
	}
	file := p.File()
	for _, sp := range l.list {
		if slices.Contains(sp.names, file) {
			return &sp.Space, nil
		}
	}
	if facts := l.s.e.facts; facts != nil {
		there := facts.NetNS[p.String()]
		if there == nil && !create && !facts.StandIns {
			return nil, noSpace(p)
		}
		sp := l.add(p, file)
		sp.ID, sp.Missing, sp.facts = file, there == nil && create, there
		return &sp.Space, nil
	}
	if l.s.e.rehearsal != nil {
		return l.openCopy(p, file, create)
	}
	f, err := openSpace(p, file)
	switch {
	case err == nil:
		return l.found(p, file, f)
	case !errors.Is(err, fs.ErrNotExist) || !create || p.PID != 0:
		return nil, err
	}
	return l.fresh(p, file)
}

func noSpace(p *builtins.Place) error {
	switch {
	case p.PID != 0:
		return nlconn.Missing("there is no process %d", p.PID)
	case p.Path != "":
		return nlconn.Missing("no network namespace %q; netns(path = %[1]q) makes it", p.Path)
	}
	return nlconn.Missing("no network namespace %q; netns(%[1]q) makes it", p.Name)
}

// foreignSpace says why a namespace may not be opened or entered.
func foreignSpace(p *builtins.Place, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("network namespace %s: %w; it takes root of the user namespace that it belongs to", p, fs.ErrPermission)
	}
	return fmt.Errorf("network namespace %s: %w", p, err)
}

// openSpace opens a namespace by its file.
func openSpace(p *builtins.Place, file string) (*os.File, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noSpace(p)
	}
	if err != nil {
		return nil, foreignSpace(p, err)
	}
	typ, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
	if err != nil || typ != unix.CLONE_NEWNET {
		f.Close()
		return nil, fmt.Errorf("%s is there and is no network namespace", file)
	}
	return f, nil
}

// own is the namespace that the run works in.
func (l *spaces) own() (*tx.Space, error) {
	if l.home != nil {
		l.home.Kernel = l.s.kernel
		return l.home, nil
	}
	s := l.s
	sp := &tx.Space{ID: "", Kernel: s.kernel, FD: s.e.NetNS, State: func() *state.State {
		if s.dry {
			return s.st
		}
		return tx.Brief(s.kernel.Conn)
	}}
	if s.e.facts == nil {
		id, err := identity(s.e.NetNS())
		if err != nil {
			return nil, err
		}
		sp.ID = id
		if sp.Cookie, err = s.kernel.Conn.Cookie(); err != nil {
			return nil, err
		}
	}
	l.home = sp
	return sp, nil
}

// identity tells namespaces apart.
func identity(fd int) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", fmt.Errorf("network namespace: %w", err)
	}
	return identityOf(&st), nil
}

func identityOf(st *unix.Stat_t) string { return fmt.Sprintf("%d:%d", st.Dev, st.Ino) }

func (l *spaces) add(p *builtins.Place, file string) *space {
	l.count++
	sp := &space{Space: tx.Space{Place: p, Number: l.count}, in: l, file: file, names: []string{file}}
	sp.State, sp.FD, sp.Bind, sp.Unbind = sp.state, sp.ns.fd, sp.bind, sp.unbind
	l.list = append(l.list, sp)
	return sp
}

// found takes a namespace that is there; it may be known by another name.
func (l *spaces) found(p *builtins.Place, file string, f *os.File) (*tx.Space, error) {
	id, err := identity(int(f.Fd()))
	if err != nil {
		f.Close()
		return nil, err
	}
	home, err := l.own()
	if err != nil || home.ID == id {
		f.Close()
		return home, err
	}
	for _, sp := range l.list {
		if sp.ID == id {
			f.Close()
			sp.names = append(sp.names, file)
			return &sp.Space, nil
		}
	}
	sp := l.add(p, file)
	sp.ID, sp.ns.f = id, f
	if err := sp.dial(true); err != nil {
		sp.drop()
		return nil, foreignSpace(p, err)
	}
	return &sp.Space, nil
}

// fresh makes a namespace that has no name yet and ends with the run unless it
// gets one. A dry run only notes that it is wanted.
func (l *spaces) fresh(p *builtins.Place, file string) (*tx.Space, error) {
	if dir := filepath.Dir(file); p.Path != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("there is no directory %s for a network namespace", dir)
		}
	}
	sp := l.add(p, file)
	sp.ID, sp.Missing = file, true
	if l.s.dry {
		return &sp.Space, nil
	}
	err := sp.ns.fresh()
	if err == nil {
		sp.ID, err = identity(sp.ns.fd())
	}
	if err == nil {
		err = sp.dial(false)
	}
	if err != nil {
		sp.drop()
		return nil, fmt.Errorf("network namespace %s: %w", p, err)
	}
	return &sp.Space, nil
}

// dial opens the sockets, inside; they are used from anywhere.
func (sp *space) dial(guard bool) error {
	s := sp.in.s
	err := sp.ns.do(func() (err error) {
		if sp.Kernel.Conn, err = nlconn.Dial(nlconn.Config{Strict: true}); err == nil && !s.dry {
			sp.Kernel.Mon, err = tx.NewMonitor(sp.Kernel.Conn.PortID(), 0)
		}
		return err
	})
	if err != nil {
		return err
	}
	sp.Kernel.Sys, sp.Kernel.NS = procSys{&sp.ns}, &sp.ns
	if sp.Cookie, err = sp.Kernel.Conn.Cookie(); err != nil || !guard || s.dry || s.e.journal == "" {
		return err
	}
	return sp.guard()
}

// patience is how long a run waits for another one in a namespace that is not
// its own: that one may be waiting for this.
const patience = 10 * time.Second

// guard makes this run the only one that works in the namespace with a journal.
func (sp *space) guard() (err error) {
	s := sp.in.s
	busy := fmt.Errorf("another run works in network namespace %s", sp.Place)
	ctx, cancel := context.WithTimeoutCause(s.ctx, patience, busy)
	defer cancel()
	if sp.lock, err = s.e.takeTurn(ctx, sp.Cookie); err != nil {
		return err
	}
	return s.unfinished(sp.Cookie, sp.Place)
}

// unfinished refuses a namespace, nil the one the run works in, that a run in
// another one has changed and that waits or has died: only there it is undone.
func (s *session) unfinished(cookie uint64, p *builtins.Place) error {
	paths, err := tx.Journals(s.e.journal)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if s.j != nil && s.j.File().Name() == path || s.recovering == path {
			continue
		}
		h, _ := tx.ReadHead(path) // which tells what it can, also of a broken one
		if h.Boot != tx.BootID() || h.Cookie == s.cookie || h.Cookie != cookie && !slices.Contains(h.Others, cookie) {
			continue
		}
		what := "this network namespace"
		if p != nil {
			what = "network namespace " + p.String()
		}
		return fmt.Errorf("the run of %s, begun %s, changed %s and has not ended: confirm or recover it first, where it was begun", h.Script, h.Started.Format(time.TimeOnly), what)
	}
	return nil
}

// state is what plans are made against: the kernel's, or in a dry run what the
// commits so far would have made of it. One that is not there has only lo.
func (sp *space) state() *state.State {
	if sp.Kernel.Conn != nil && !sp.in.s.dry {
		return tx.Brief(sp.Kernel.Conn)
	}
	if sp.st == nil {
		var src state.Source = &factSource{&Facts{}}
		switch {
		case sp.Kernel.Conn != nil:
			src = tx.Source{Conn: sp.Kernel.Conn}
		case sp.facts != nil:
			src = &factSource{sp.facts}
		}
		sp.st = state.New(src)
		sp.st.Ahead = sp.in.s.dry
	}
	return sp.st
}

func (sp *space) close() {
	if sp.Kernel.Conn != nil {
		sp.Kernel.Conn.Close()
	}
	if sp.Kernel.Mon != nil {
		sp.Kernel.Mon.Close()
	}
	sp.Kernel = tx.Kernel{}
	if sp.lock != nil {
		endTurn(sp.lock)
		sp.lock = nil
	}
	sp.ns.close()
}

func (l *spaces) close() {
	for _, sp := range l.list {
		sp.close()
	}
	l.list, l.home = nil, nil
}

// keep returns a function that brings the states of a dry run back.
func (l *spaces) keep() (back func()) {
	list := slices.Clone(l.list)
	states := make([]*state.State, len(list))
	missing := make([]bool, len(list))
	for i, sp := range list {
		missing[i] = sp.Missing
		if sp.st != nil {
			states[i] = sp.st.Clone()
		}
	}
	return func() {
		for _, sp := range l.list {
			if !slices.Contains(list, sp) {
				sp.close()
			}
		}
		l.list = list
		for i, sp := range list {
			sp.st, sp.Missing = states[i], missing[i]
		}
	}
}
