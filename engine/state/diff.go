package state

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/nlscript/nlscript/wire"
)

// A Delta is a field that differs. Path names it as scripts do: kind.vxlan.ttl.
// A Before or After of type wire.None means that it is not there.
type Delta struct {
	Path          string
	Row           *wire.Field
	Before, After wire.Value
}

// A Mode says what a comparison is for.
type Mode uint8

const (
	Patch Mode = iota // only what want mentions counts
	Whole             // the object is exactly what want says; Loose rows only when mentioned
	Exact             // all that can be written counts: undo
	Fresh             // Patch of an object that is yet to be made: what nobody wrote has its default
)

// Diff returns where have differs from want, both canonical with devices by
// index.
func Diff(o *wire.Object, want, have *wire.Set, mode Mode) []Delta {
	d := differ{mode: mode, object: o}
	d.sets("", want, have)
	return d.out
}

type differ struct {
	mode   Mode
	object *wire.Object
	out    []Delta
}

func (d *differ) skip(f *wire.Field) bool {
	// What is only said on creation (the peer of a veth) cannot be compared.
	if f.RO && f.Irreversible != "" && d.mode == Exact {
		return false // undo has to tell of it
	}
	return f.RO || f.Volatile && (!f.Loose || d.mode == Exact) || f.WO && (!d.patches() || f.Immutable)
}

func (d *differ) sets(path string, want, have *wire.Set) {
	for _, e := range want.Ents {
		f := e.F
		if d.skip(f) || path == "" && d.isKey(f) || along(want, f) {
			continue
		}
		hv := d.valueOf(have, e)
		if f.Volatile && f.Kind == wire.Dev && e.V.Type == wire.Int && e.V.N == 0 {
			continue // the kernel shall choose: whatever it has chosen is so
		}
		if f.WO || !d.same(f, e.V, hv) {
			d.value(path, f, e.V, hv)
		}
	}
	if d.patches() {
		return
	}
	for _, e := range have.Ents {
		f := e.F
		if d.skip(f) || f.WO || f.Given || f.Loose && d.mode == Whole && !over(f, e.V) || path == "" && d.isKey(f) {
			continue
		}
		if _, ok := want.Of(f); !ok && (over(f, e.V) || !equal(zeroOf(f), e.V)) {
			d.add(path, f, e.V, zeroOf(f))
		}
	}
}

func (d *differ) isKey(f *wire.Field) bool {
	for _, k := range d.object.Key {
		if k == f.Name {
			return !f.Loose
		}
	}
	return false
}

// value records a difference, inside nested sets where both are of one table.
func (d *differ) value(path string, f *wire.Field, want, have wire.Value) {
	if want.Type == wire.SetVal && have.Type == wire.SetVal && want.Sub.Table == have.Sub.Table {
		p := path + f.Label() + "."
		if f.Kind == wire.Union {
			p += want.Sub.Table.Name + "."
		}
		d.sets(p, want.Sub, have.Sub)
		return
	}
	d.add(path, f, have, want)
}

func (d *differ) add(path string, f *wire.Field, before, after wire.Value) {
	d.out = append(d.out, Delta{Path: path + f.Label(), Row: f, Before: before, After: after})
}

// Uncompared returns the paths of what is written and is neither sent to an object
// that exists nor compared with it, and why. The rows of a patch that are never
// reported are sent each time.
func Uncompared(o *wire.Object, want *wire.Set) []string {
	var l []string
	uncompared("", want, o.Patch, func(path string, f *wire.Field) {
		why := f.Doc
		if f.WO {
			why = "the kernel never reports it; it is sent when the object is made or changes"
		}
		l = append(l, path+" is not compared: "+why)
	})
	return l
}

// Aged tells of the times of which less is left than is written: that is taken to
// be so, and they do not begin anew.
func Aged(want, have *wire.Set) (l []string) {
	for _, e := range want.Ents {
		if v, ok := have.At(e.F); ok && e.F.Ages && !equal(v, e.V) {
			l = append(l, fmt.Sprintf("of %s %s %s is left; a verb lets it begin anew", e.F.Label(), e.F.Text(e.V, nil), e.F.Text(v, nil)))
		}
	}
	return l
}

// Dropped are the times that run down of an object when one takes its place that does
// not mention them: it has no end.
func Dropped(want, have *wire.Set) (l []Delta) {
	for _, e := range have.Ents {
		if _, ok := want.At(e.F); !ok && counts(e.F, e.V) && !over(e.F, e.V) {
			l = append(l, Delta{Path: e.F.Label(), Row: e.F, Before: e.V, After: zeroOf(e.F)})
		}
	}
	return l
}

func uncompared(path string, s *wire.Set, patch bool, f func(string, *wire.Field)) {
	for _, e := range s.Ents {
		switch {
		case e.F.RO || e.V.Type == wire.None || e.F.Kind.IsBit() && !e.V.True():
		case e.F.WO && !patch && !e.F.Header(), e.F.Volatile && !e.F.Loose && !e.F.WO:
			f(path+e.F.Label(), e.F)
		case e.V.Type == wire.SetVal && !e.F.WO:
			p := path + e.F.Label() + "."
			if e.F.Kind == wire.Union {
				p += e.V.Sub.Table.Name + "."
			}
			uncompared(p, e.V.Sub, patch, f)
		}
	}
}

// Pick returns the fields of want in which have differs, down into nested sets,
// so that a message of them makes have what want says. In mode Exact, fields that
// only have has are set to nothing.
func Pick(o *wire.Object, want, have *wire.Set, mode Mode) *wire.Set {
	d := differ{mode: mode, object: o}
	return d.pick(want, have, true)
}

func (d *differ) pick(want, have *wire.Set, top bool) *wire.Set {
	out := wire.NewSet(want.Table)
	for _, e := range want.Ents {
		f := e.F
		if d.skip(f) || top && d.isKey(f) || along(want, f) {
			continue
		}
		hv := d.valueOf(have, e)
		if !f.WO && d.same(f, e.V, hv) {
			continue
		}
		if f.Merge {
			out.Put(f, wire.ListOf(d.missing(e.V, hv)...))
			continue
		}
		if e.V.Type == wire.SetVal && hv.Type == wire.SetVal && e.V.Sub.Table == hv.Sub.Table {
			if sub := d.pick(e.V.Sub, hv.Sub, false); len(sub.Ents) > 0 {
				out.Put(f, wire.SubVal(sub))
			}
			continue
		}
		out.Put(f, e.V)
		d.share(out, f, want, have)
	}
	for _, e := range want.Ents {
		if along(out, e.F) && !d.skip(e.F) {
			out.Put(e.F, e.V)
		}
	}
	if d.mode != Exact {
		out.Extra = want.Extra
		return out
	}
	for _, e := range have.Ents {
		f := e.F
		if d.skip(f) || f.WO || f.Given || top && d.isKey(f) {
			continue
		}
		if _, ok := want.Of(f); !ok && !equal(zeroOf(f), e.V) {
			if z, ok := d.nothing(f, e.V); ok {
				out.Put(f, z)
			}
		}
	}
	return out
}

// share adds the fields that are in one struct with f, as they shall be or are:
// the kernel takes the struct as a whole, unless it has a mask.
func (d *differ) share(out *wire.Set, f *wire.Field, want, have *wire.Set) {
	if f.Header() || f.At == nil || f.At.Mask != 0 {
		return
	}
	for _, g := range out.Table.Rows() {
		if g.At != f.At || g == f || d.skip(g) {
			continue
		}
		if _, ok := want.At(g); ok {
			continue
		}
		if v, ok := have.At(g); ok {
			out.Put(g, v)
		}
	}
}

// nothing is the value that unsets a field; false when there is none.
func (d *differ) nothing(f *wire.Field, v wire.Value) (wire.Value, bool) {
	if z := zeroOf(f); z.Type != wire.None {
		return z, true
	}
	switch {
	case f.Merge:
		return wire.ListOf(d.missing(wire.Value{}, v)...), true
	case v.Type == wire.Int:
		return wire.IntVal(0), true
	case v.Type == wire.String:
		return wire.StrVal(""), true
	case v.Type == wire.ListVal:
		return wire.ListOf(), true
	case v.Type == wire.Addr && v.A.Is4():
		return wire.AddrVal(netip.IPv4Unspecified()), true
	case v.Type == wire.Addr:
		return wire.AddrVal(netip.IPv6Unspecified()), true
	}
	return wire.Value{}, false
}

func (d *differ) patches() bool { return d.mode == Patch || d.mode == Fresh }

// valueOf is what have holds where e is wanted.
func (d *differ) valueOf(have *wire.Set, e wire.Entry) wire.Value {
	if _, ok := have.At(e.F); !ok && d.mode == Fresh && e.F.IsDefault(e.V) {
		return e.V
	}
	return valueOf(have, e.F)
}

func valueOf(s *wire.Set, f *wire.Field) wire.Value {
	if v, ok := s.Of(f); ok {
		return v
	}
	return zeroOf(f)
}

// guessed reports whether it is not known what an object that is yet to be made
// has where a number or a bit is wanted: no number is the default of them all.
func (d *differ) guessed(f *wire.Field, want, have wire.Value) bool {
	return d.mode == Fresh && equal(have, zeroOf(f)) && !f.IsDefault(want) &&
		(f.Kind.IsBit() || want.Type == wire.Int && f.Kind != wire.Dev)
}

// zeroOf is what a field has that is not mentioned: bits are clear, and what
// counts down never ends. Of bits with a mask those are reported that are true (arp).
func zeroOf(f *wire.Field) wire.Value {
	switch {
	case f.Kind.IsBit():
		return wire.BoolVal(f.Not && f.At.Mask == 0)
	case f.Ages && len(f.Words) > 0:
		return wire.IntVal(f.Words[0].N) // what has no end
	}
	return f.Unreported()
}

// same reports whether a row has what it shall have. A value that counts down
// may have become less, unless it is a word (forever), and one that the kernel
// keeps in its own ticks may be reported as one less. Of a patch with a mask only
// the bits in that count.
func (d *differ) same(f *wire.Field, want, have wire.Value) bool {
	if f.Merge {
		return len(d.missing(want, have)) == 0
	}
	if d.patches() && unreported(want) || d.guessed(f, want, have) {
		return false
	}
	if (d.mode == Exact || d.mode == Fresh) && want.Type == wire.SetVal && have.Type == wire.SetVal && want.Sub.Table == have.Sub.Table {
		sub := differ{mode: d.mode, object: new(wire.Object)}
		sub.sets("", want.Sub, have.Sub)
		return len(sub.out) == 0
	}
	switch {
	case equal(want, have):
		return true
	case d.patches() && want.HasMask && !have.HasMask:
		return (want.N^have.N)&want.M == 0
	case want.Type != wire.Int || have.Type != wire.Int:
		return false
	case f.Ages:
		return have.N < want.N && !over(f, have) && f.Words.Name(want.N) == "" && f.Words.Name(have.N) == ""
	}
	return f.Ticks && have.N+1 == want.N
}

// unreported reports whether a set says something that the kernel takes and never
// tells: a patch sends that each time.
func unreported(v wire.Value) bool {
	return v.Type == wire.SetVal && slices.ContainsFunc(v.Sub.Ents, func(e wire.Entry) bool {
		return e.F.WO && !e.F.Immutable && !along(v.Sub, e.F) || unreported(e.V)
	})
}

// along reports whether a row of a set goes along with another one.
func along(s *wire.Set, f *wire.Field) bool { return f.Along != "" && s.Has(f.Along) }

// equal compares what values mean: not there is zero, and a set that mentions
// less is for the caller to descend into.
func equal(a, b wire.Value) bool {
	a, b = plain(a), plain(b)
	if a.Type == wire.ListVal && b.Type == wire.ListVal {
		if len(a.L) != len(b.L) {
			return false
		}
		for i := range a.L {
			if !equal(a.L[i], b.L[i]) {
				return false
			}
		}
		return true
	}
	if a.Type == wire.SetVal && b.Type == wire.SetVal {
		d := differ{mode: Whole, object: new(wire.Object)}
		if a.Sub.Table != b.Sub.Table {
			return false
		}
		d.sets("", a.Sub, b.Sub)
		return len(d.out) == 0
	}
	return a.Equal(b)
}

// plain maps the ways to say nothing to one.
func plain(v wire.Value) wire.Value {
	switch {
	case v.Type == wire.Int && v.N == 0 && !v.HasMask,
		v.Type == wire.AnyNet, v.Type == wire.EmptyNet,
		v.Type == wire.Net && v.N == 0,
		v.Type == wire.ListVal && len(v.L) == 0,
		v.Type == wire.String && v.S == "",
		v.Type == wire.Addr && v.A.IsUnspecified():
		return wire.Value{}
	}
	return v
}
