package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Beyond implements tx.Spaces: the namespace that another one calls by a number.
func (l *spaces) Beyond(from *tx.Space, nsid uint64) (*tx.Space, error) {
	if int32(nsid) < 0 { // as a plan has it
		if number := -1 - int32(nsid); number > 0 {
			for _, sp := range l.list {
				if sp.Number == int(number) {
					return &sp.Space, nil
				}
			}
			return nil, nil
		}
		return l.own()
	}
	if from.Kernel.Conn == nil {
		return nil, nil
	}
	if l.s.e.rehearsal != nil {
		return l.beyondCopy(from, nsid)
	}
	return l.search(func(fd int) bool {
		id, ok := tx.NSID(from.Kernel.Conn, fd)
		return ok && id == nsid
	})
}

// Find implements tx.Spaces: the namespace with a cookie, whatever it is called
// by now.
func (l *spaces) Find(cookie uint64) (*tx.Space, error) {
	return l.search(func(fd int) bool { return hasCookie(fd, cookie) })
}

func hasCookie(fd int, cookie uint64) bool {
	c, err := nlconn.Dial(nlconn.Config{NetNS: fd})
	if err != nil {
		return false
	}
	defer c.Close()
	got, err := c.Cookie()
	return err == nil && got == cookie
}

// findable reports whether a namespace has a name of ip netns, or a process in it
// that may be looked at.
func findable(cookie uint64) bool {
	seen := map[string]bool{}
	for _, p := range candidates() {
		f, err := openSpace(p, p.File())
		if err != nil {
			continue
		}
		id, err := identity(int(f.Fd()))
		there := err == nil && !seen[id] && hasCookie(int(f.Fd()), cookie)
		seen[id] = true
		f.Close()
		if there {
			return true
		}
	}
	return false
}

// search looks for a namespace among those of the run, those that ip netns has
// names for, and those of all processes that it may look at; nil when it is none
// of them, or may not be entered.
func (l *spaces) search(is func(fd int) bool) (*tx.Space, error) {
	if l.s.e.facts != nil || l.s.e.rehearsal != nil {
		return nil, nil
	}
	home, err := l.own()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{home.ID: true}
	if is(home.FD()) {
		return home, nil
	}
	for _, sp := range slices.Clone(l.list) {
		if sp.ns.f == nil {
			continue // it is only planned
		}
		if seen[sp.ID] = true; is(sp.FD()) {
			return &sp.Space, nil
		}
	}
	for _, p := range candidates() {
		f, err := openSpace(p, p.File())
		if err != nil {
			continue
		}
		id, err := identity(int(f.Fd()))
		if err != nil || seen[id] || !is(int(f.Fd())) {
			seen[id] = true
			f.Close()
			continue
		}
		sp, err := l.found(p, p.File(), f)
		if errors.Is(err, fs.ErrPermission) {
			return nil, nil
		}
		return sp, err
	}
	return nil, nil
}

// candidates are the places where a namespace may be found: names first.
func candidates() []*builtins.Place {
	var l []*builtins.Place
	dir := filepath.Dir((&builtins.Place{Name: "x"}).File())
	names, _ := os.ReadDir(dir) // there may be none
	for _, e := range names {
		p := &builtins.Place{Name: e.Name()}
		if rtnl.NetNSName(p.Name) != nil {
			p = &builtins.Place{Path: filepath.Join(dir, e.Name())}
		}
		l = append(l, p)
	}
	processes, _ := os.ReadDir("/proc")
	for _, e := range processes {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			l = append(l, &builtins.Place{PID: pid})
		}
	}
	return l
}
