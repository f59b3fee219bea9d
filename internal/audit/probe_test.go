package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// noDevice is an interface index that no device has.
const noDevice = 1<<31 - 2

// A shape is a message to put a wrong attribute in: its header, and what stands
// before it at the top level.
type shape struct {
	typ, flags uint16
	head       func(h []byte) // fills the fixed header
	attrs      func(b *wire.Builder)
}

// A step is a nest that the attribute is in: what comes before it, its fixed
// struct included.
type step struct {
	typ    uint16
	fixed  int                   // bytes of a struct in front of its attributes: of an ifinfomsg
	before func(b *wire.Builder) // what goes beside it, in front
}

// A prober sends probes in one namespace and remembers what came of them.
type prober struct {
	t      *testing.T
	conn   *nlconn.Conn
	probed map[string]*wire.Policy // by path; nil: the kernel names no policy
	order  []string
	kernel [2]int
	newer  int // attributes not probed, as they came after this kernel

	extra []string // attributes that the kernel checks and no row describes
}

func newProber(t *testing.T, ns *testnet.NS) *prober {
	t.Helper()
	conn, err := nlconn.Dial(nlconn.Config{NetNS: ns.FD()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	return &prober{t: t, conn: conn, probed: map[string]*wire.Policy{}, kernel: version(t, unix.ByteSliceToString(u.Release[:]))}
}

// version reads what a kernel's release begins with, as Field.Since is written.
func version(t *testing.T, release string) (v [2]int) {
	t.Helper()
	if _, err := fmt.Sscanf(release, "%d.%d", &v[0], &v[1]); err != nil {
		t.Fatalf("version %q: %v", release, err)
	}
	return v
}

// has reports whether this kernel may know a row.
func (p *prober) has(f *wire.Field) bool {
	if f.Since == "" {
		return true
	}
	since := version(p.t, f.Since)
	return slices.Compare(since[:], p.kernel[:]) <= 0
}

// send sends one message and returns its reply.
func (p *prober) send(msg []byte) (reply wire.Reply) {
	p.t.Helper()
	if err := p.conn.Transact([][]byte{msg}, func(_ int, r wire.Reply) { reply = r }); err != nil {
		p.t.Fatal(err)
	}
	return reply
}

// build makes a message of this shape with an attribute of n bytes in the nests
// of steps, and returns where the attribute is.
func (p *prober) build(s shape, fixed int, steps []step, typ uint16, n int) (msg []byte, off int) {
	p.t.Helper()
	var b wire.Builder
	marks := []wire.Mark{b.Begin(s.typ, s.flags)}
	s.head(b.Fixed(fixed))
	if s.attrs != nil {
		s.attrs(&b)
	}
	for _, st := range steps {
		if st.before != nil {
			st.before(&b)
		}
		marks = append(marks, b.Nest(st.typ))
		if st.fixed != 0 {
			at(0, loopback)(b.Fixed(st.fixed))
		}
	}
	body := b.Attr(typ, n)
	for i := range body {
		body[i] = 0xff
	}
	for i := len(marks) - 1; i >= 0; i-- {
		b.End(marks[i])
	}
	msg, err := b.Bytes()
	if err != nil {
		p.t.Fatal(err)
	}
	return msg, len(msg) - (4+n+3)&^3
}

// wrong are lengths that no attribute has: too short for integers, structs and
// strings; too long for a flag and too short for a nest; too long for the rest.
var wrong = []int{0, 1, 5000}

// policy returns what the kernel wants of an attribute, by sending it with wrong
// lengths in messages of these shapes; nil when it does not say.
func (p *prober) policy(shapes []shape, fixed int, steps []step, typ uint16) *wire.Policy {
	p.t.Helper()
	for _, s := range shapes {
		for _, n := range wrong {
			msg, off := p.build(s, fixed, steps, typ, n)
			r := p.send(msg)
			if r.Policy != nil && r.Offset == off {
				return r.Policy
			}
		}
	}
	return nil
}

// must sends a message that makes what probes need. It returns false when this
// kernel does not have the kind.
func (p *prober) must(what string, b *wire.Builder) bool {
	p.t.Helper()
	msg, err := b.Bytes()
	if err != nil {
		p.t.Fatal(err)
	}
	switch r := p.send(msg); {
	case r.Errno == 0:
		return true
	case unknownKind(r):
	default:
		p.t.Fatalf("%s: %v", what, &nlconn.ReplyError{Reply: r})
	}
	return false
}

// unknownKind tells that the kernel has no such kind of link or qdisc.
func unknownKind(r wire.Reply) bool {
	return r.Errno == unix.EOPNOTSUPP || r.Errno == unix.ENOENT && strings.Contains(r.Message, "kind is unknown")
}

// forbidden are attributes that are never sent: Linux 6.18 does not come back
// from some of what they hold.
func forbidden(object string, typ uint16) bool {
	switch object {
	case "route":
		return typ == unix.RTA_ENCAP || typ == unix.RTA_ENCAP_TYPE || typ == unix.RTA_MULTIPATH
	case "nexthop":
		return typ == unix.NHA_ENCAP || typ == unix.NHA_ENCAP_TYPE
	}
	return false
}

// walk probes every attribute that the rows of a table describe, and those in
// nests.
func (p *prober) walk(o *wire.Object, shapes []shape, t *wire.Table, steps []step, path string) {
	p.t.Helper()
	for i := range t.Declared() {
		f := &t.Declared()[i]
		if f.At == nil && f.Kind == wire.Union {
			continue // each member has shapes of its own
		}
		if !p.has(f) {
			p.newer += len(numbers(f))
			continue
		}
		at := path + f.Label()
		for _, n := range numbers(f) {
			if len(steps) == 0 && forbidden(o.Name, n.typ) {
				continue
			}
			name := at + n.suffix
			p.note(name, p.check(name, f, n, p.policy(shapes, o.Table.Fixed, steps, n.typ)))
		}
		p.inside(o, shapes, f, steps, at)
	}
	// A codec computes attributes from rows with other numbers; what is a message
	// by itself, the peer of a veth, leaves some rows out.
	if t.Codec == nil && (len(steps) == 0 || t.Fixed == 0) {
		p.rowless(o, shapes, t, steps, path)
	}
}

// beyond is how far after the last number of a table others are looked for.
const beyond = 16

// rowless notes the attributes of a level that the kernel finds fault with and
// that no row describes.
func (p *prober) rowless(o *wire.Object, shapes []shape, t *wire.Table, steps []step, path string) {
	p.t.Helper()
	known := map[uint16]bool{}
	last := uint16(0)
	for i := range t.Declared() {
		f := &t.Declared()[i]
		n := numbers(f)
		if f.OneOf != nil {
			n = append(n, number{typ: f.OneOf.Tag}, number{typ: f.OneOf.SetTag})
		}
		for _, n := range n {
			known[n.typ], last = true, max(last, n.typ)
		}
	}
	for typ := uint16(1); typ <= last+beyond; typ++ {
		if known[typ] || len(steps) == 0 && forbidden(o.Name, typ) {
			continue
		}
		name := fmt.Sprintf("%s%d", path, typ)
		if p.checked(shapes, o.Table.Fixed, steps, typ) && !slices.Contains(p.extra, name) {
			p.extra = append(p.extra, name)
		}
	}
}

// checked reports whether the kernel refuses an attribute for its length, which
// shows that it takes one of another length.
func (p *prober) checked(shapes []shape, fixed int, steps []step, typ uint16) bool {
	p.t.Helper()
	for _, s := range shapes {
		for _, n := range wrong {
			msg, off := p.build(s, fixed, steps, typ, n)
			r := p.send(msg)
			if r.Errno != 0 && r.Offset == off && !strings.Contains(r.Message, "Unsupported attribute") && r.Message != "Unknown attribute type" {
				return true
			}
		}
	}
	return false
}

// inside goes into the nest of a row.
func (p *prober) inside(o *wire.Object, shapes []shape, f *wire.Field, steps []step, path string) {
	p.t.Helper()
	if len(steps) > 4 || len(steps) == 0 && forbidden(o.Name, f.Type) {
		return
	}
	typ := f.Type
	if f.Kind == wire.Multi {
		f = f.Elem
	}
	switch {
	case f.At == nil && f.Kind == wire.Nest:
		p.walk(o, shapes, f.Of, append(steps[:len(steps):len(steps)], step{typ: typ, fixed: f.Of.Fixed}), path+".")
	case f.At == nil && f.Kind == wire.List && f.Elem.Kind == wire.Nest:
		elem := max(f.Elem.Type, f.From)
		p.walk(o, shapes, f.Elem.Of, append(steps[:len(steps):len(steps)], step{typ: typ}, step{typ: elem, fixed: f.Elem.Of.Fixed}), path+"[].")
	}
}

func (p *prober) note(path string, pol *wire.Policy) {
	if _, ok := p.probed[path]; !ok {
		p.order = append(p.order, path)
	}
	p.probed[path] = pol
}

// report logs what the kernel did not name, and fails when that leaves less than
// enough: as many as a kernel names that has all the rows. It fails too when the
// kernel, unless it is newer than the tables, takes what no row describes.
func (p *prober) report(what string, enough int) {
	p.t.Helper()
	for _, name := range p.extra {
		switch {
		case rowless[what+": "+name] != "":
		case slices.Compare(p.kernel[:], newest[:]) > 0:
			p.t.Logf("%s: attribute %s of a newer kernel has no row", what, name)
		default:
			p.t.Errorf("%s: attribute %s has no row", what, name)
		}
	}
	var silent []string
	for _, path := range p.order {
		if p.probed[path] == nil {
			silent = append(silent, path)
		}
	}
	named := len(p.order) - len(silent)
	p.t.Logf("%s: the kernel names the type of %d of %d attributes; not of %s", what, named, len(p.order), strings.Join(silent, ", "))
	if named < enough-p.newer {
		p.t.Errorf("%s: the kernel names %d attributes, there were %d, %d of later kernels", what, named, enough, p.newer)
	}
	if p.t.Failed() {
		for _, path := range p.order {
			if pol := p.probed[path]; pol != nil {
				p.t.Logf("%s: %v", path, pol)
			}
		}
	}
}
