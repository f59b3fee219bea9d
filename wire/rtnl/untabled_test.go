package rtnl

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// What the kernel answers is counted, save what it made itself, and bytes that are cut
// off anywhere do no harm.
func TestUntabled(t *testing.T) {
	head := func(n int) func(*wire.Builder) { return func(b *wire.Builder) { b.Fixed(n) } }
	entry := func(state byte) func(b *wire.Builder) {
		return func(b *wire.Builder) {
			m := b.Nest(mdbaMDB)
			n := b.Nest(mdbaMDB)
			b.Attr(mdbaMDB, 28)[mdbEntryState] = state
			b.End(n)
			b.End(m)
		}
	}
	vni := func(b *wire.Builder) { b.End(b.Nest(vnifilterEntry)) }
	label := func(bits, index byte, addr [16]byte, label uint32) []func(*wire.Builder) {
		return []func(*wire.Builder){
			func(b *wire.Builder) {
				h := b.Fixed(addrLabelLen)
				h[0], h[labelPrefixLen], h[labelIndex] = unix.AF_INET6, bits, index
			},
			func(b *wire.Builder) { copy(b.Attr(ifalAddress, 16), addr[:]); b.Uint32(ifalLabel, label) },
		}
	}
	for _, tt := range []struct {
		name  string
		count func([]byte) int
		parts []func(*wire.Builder)
		want  int
	}{
		{"groups", groups("", func(bridge, port uint32) bool { return true }).Count, []func(*wire.Builder){head(portLen), entry(mdbPermanent), entry(0), entry(mdbPermanent)}, 2},
		{"VNIs", countVNIs, []func(*wire.Builder){head(tunnelLen), vni, vni, vni}, 3},
		{"a usual label", otherLabels, label(16, 0, [16]byte{0x20, 0x02}, 2), 0},
		{"a usual label, without its address", otherLabels, label(0, 0, [16]byte{}, 1), 0},
		{"another label", otherLabels, label(16, 0, [16]byte{0x20, 0x02}, 3), 1},
		{"another prefix", otherLabels, label(17, 0, [16]byte{0x20, 0x02}, 2), 1},
		{"of a device", otherLabels, label(16, 9, [16]byte{0x20, 0x02}, 2), 1},
	} {
		var b wire.Builder
		m := b.Begin(1, 0)
		for _, f := range tt.parts {
			f(&b)
		}
		b.End(m)
		msg, _, err := b.Last()
		if err != nil {
			t.Fatal(err)
		}
		msg = msg[wire.HeaderLen:]
		if got := tt.count(msg); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
		for n := range msg {
			tt.count(msg[:n])
		}
	}
}
