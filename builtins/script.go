package builtins

import (
	"errors"
	"fmt"
	"slices"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// A Script is the state of one running script that constructors write to: the
// arena of messages, the call sites, what was made and not committed. It is
// set on the thread of the main file and on those of the files it loads, and is
// not safe for concurrent use.
type Script struct {
	Arena wire.Builder

	Main     string // file whose ops are warned about when nothing uses them, and that may call param
	MaxOps   int    // 0: no limit
	MaxBytes int64  // of messages; 0: no limit

	host    Host
	ops     int
	bytes   int64
	sites   map[uint64][]*Site
	order   []*Site // those of Main where ops were made
	free    []*wire.Set
	raw     map[int]*wire.Object // objects of message(), by the length of their header
	secrets []string
	params  []*Param
}

// arenaChunk is what the arena takes memory in.
const arenaChunk = 1 << 20

// NewScript returns the state for a script whose main file has this name.
func NewScript(main string, host Host) *Script {
	return &Script{Arena: wire.Builder{Chunk: arenaChunk}, Main: main, host: host, sites: map[uint64][]*Site{}}
}

// SetHost changes what verbs reach the engine by.
func (s *Script) SetHost(h Host) { s.host = h }

// scriptKey is where a thread keeps its script.
const scriptKey = "nlscript.script"

// SetScript gives a thread the script that its constructors write to.
func SetScript(thread *starlark.Thread, s *Script) { thread.SetLocal(scriptKey, s) }

var errNoScript = errors.New("no script is running on this thread")

// scriptOf returns the script of a thread.
func scriptOf(thread *starlark.Thread) (*Script, error) {
	if s, ok := thread.Local(scriptKey).(*Script); ok {
		return s, nil
	}
	return nil, errNoScript
}

// hostOf returns the script of a thread that has a host.
func hostOf(thread *starlark.Thread) (*Script, error) {
	s, err := scriptOf(thread)
	if err == nil && s.host == nil {
		err = errors.New("nothing can be read or committed here")
	}
	return s, err
}

// scratch returns an empty set of t; release gives it back.
func (s *Script) scratch(t *wire.Table) *wire.Set {
	if n := len(s.free); n > 0 {
		set := s.free[n-1]
		s.free = s.free[:n-1]
		set.Reset(t)
		return set
	}
	set := wire.NewSet(t)
	set.Ents = make([]wire.Entry, 0, 16)
	return set
}

func (s *Script) release(set *wire.Set) { s.free = append(s.free, set) }

// count adds a message to what the limits bound.
func (s *Script) count(n int) error {
	s.ops++
	s.bytes += int64(n)
	if s.MaxOps > 0 && s.ops > s.MaxOps {
		return s.tooMany()
	}
	if s.MaxBytes > 0 && s.bytes > s.MaxBytes {
		return fmt.Errorf("the script makes more than %d bytes of messages", s.MaxBytes)
	}
	return nil
}

func (s *Script) tooMany() error {
	return fmt.Errorf("the script makes more than %d ops", s.MaxOps)
}

// site returns the place that is being executed, the same for every call from it.
func (s *Script) site(thread *starlark.Thread) *Site {
	h := uint64(14695981039346656037)
	depth := thread.CallStackDepth()
	for i := 1; i < depth; i++ {
		if f := thread.DebugFrame(i); inScript(f) {
			p := f.Position()
			h = (h ^ uint64(p.Line)<<12 ^ uint64(p.Col)) * 1099511628211
		}
	}
	for _, site := range s.sites[h] {
		if site.is(thread, depth) {
			return site
		}
	}
	site := &Site{}
	for i := 1; i < depth; i++ {
		if f := thread.DebugFrame(i); inScript(f) {
			p := f.Position()
			site.Frames = append(site.Frames, Frame{Func: f.Callable().Name(), File: p.Filename(), Line: int(p.Line), Col: int(p.Col)})
		}
	}
	s.sites[h] = append(s.sites[h], site)
	return site
}

// inScript reports whether a frame is one of a script; those of builtins say nothing.
func inScript(f starlark.DebugFrame) bool {
	_, ok := f.Callable().(*starlark.Function)
	return ok
}

func (site *Site) is(thread *starlark.Thread, depth int) bool {
	n := 0
	for i := 1; i < depth; i++ {
		f := thread.DebugFrame(i)
		if !inScript(f) {
			continue
		}
		if n == len(site.Frames) {
			return false
		}
		w, p := &site.Frames[n], f.Position()
		if w.Line != int(p.Line) || w.Col != int(p.Col) || w.File != p.Filename() || w.Func != f.Callable().Name() {
			return false
		}
		n++
	}
	return n == len(site.Frames)
}

// made notes that ops were made at a site of the main file.
func (s *Script) made(site *Site, what string, n int) {
	if n == 0 || len(site.Frames) == 0 || site.Frames[0].File != s.Main {
		return
	}
	if site.made == 0 {
		site.what = what
		s.order = append(s.order, site)
	}
	site.made += n
}

// use notes that an op is committed, or is part of another.
func (op *Op) use() {
	if !op.used {
		op.used = true
		if op.Site != nil {
			op.Site.used++
		}
	}
}

// Unused is a place in the main file where ops were made that no commit and no
// other op has used.
type Unused struct {
	Site *Site
	What string // constructor: "route"
	N    int
}

// Unused lists them in the order of their first ops.
func (s *Script) Unused() []Unused {
	var l []Unused
	for _, site := range s.order {
		if n := site.made - site.used; n > 0 {
			l = append(l, Unused{site, site.what, n})
		}
	}
	return l
}

// Secrets are the values of secret params, which no output may show.
func (s *Script) Secrets() []string { return slices.Clone(s.secrets) }

// Params are the params declared so far.
func (s *Script) Params() []*Param { return slices.Clone(s.params) }
