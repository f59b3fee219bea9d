package rtnl

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// vlanMessage is a message about VLANs of device 7 with nests of one kind.
func vlanMessage(typ uint16, kind uint16, entries ...func(b *wire.Builder)) []byte {
	var b wire.Builder
	m := b.Begin(typ, 0)
	h := b.Fixed(brVlanMsgLen)
	h[0] = unix.AF_BRIDGE
	binary.NativeEndian.PutUint32(h[4:], 7)
	for _, e := range entries {
		n := b.Nest(kind)
		e(&b)
		b.End(n)
	}
	b.End(m)
	msg, _ := b.Bytes()
	return msg
}

// vlanState is an entry as the kernel reports it; high is 0 for one VLAN.
func vlanState(flags, low, high uint16, state, router uint8, groups uint32) func(b *wire.Builder) {
	return func(b *wire.Builder) {
		p := b.Attr(vlanEntryInfo, 4)
		binary.NativeEndian.PutUint16(p, flags)
		binary.NativeEndian.PutUint16(p[2:], low)
		if high != 0 {
			b.Uint16(vlanEntryRange, high)
		}
		b.Uint8(vlanEntryState, state)
		b.Uint8(vlanEntryMcastRouter, router)
		b.Uint32(vlanEntryNGroups, 3)
		b.Uint32(vlanEntryMaxGroups, groups)
		b.Uint8(vlanEntryNeighSuppres, 0)
	}
}

func texts(l []*wire.Set) (out []string) {
	for _, s := range l {
		out = append(out, s.Text(nil))
	}
	return out
}

// Of a report each VLAN is an object, unless all of it is as it begins.
func TestOptionsReports(t *testing.T) {
	msg := vlanMessage(unix.RTM_NEWVLAN, vlandbEntry,
		vlanState(vlanPVID|vlanUntagged, 1, 0, 3, 1, 0), vlanState(0, 5, 7, 4, 1, 9), vlanState(0, 8, 0, 3, 2, 0), vlanState(0, 9, 4095, 0, 0, 0))
	var got []string
	for _, m := range VLANOptions.Reports(msg) {
		s := wire.NewSet(VLANOptions.Table)
		if err := VLANOptions.Table.DecodeState(m[wire.HeaderLen:], s); err != nil {
			t.Fatal(err)
		}
		got = append(got, s.Unlike().Text(nil))
	}
	want := []string{"family bridge dev 7 vid 5 state blocking mcast_n_groups 3 mcast_max_groups 9", "family bridge dev 7 vid 6 state blocking mcast_n_groups 3 mcast_max_groups 9",
		"family bridge dev 7 vid 7 state blocking mcast_n_groups 3 mcast_max_groups 9", "family bridge dev 7 vid 8 mcast_router 2 mcast_n_groups 3"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if l := VLANGlobal.Reports(msg); len(l) != 0 {
		t.Errorf("%d VLANs of a bridge in what is about a port", len(l))
	}
	for _, msg := range [][]byte{nil, msg[:20], vlanMessage(unix.RTM_GETVLAN, vlandbEntry, vlanState(0, 5, 0, 4, 1, 9))} {
		if l := VLANOptions.Reports(msg); len(l) != 0 {
			t.Errorf("%x: %d objects", msg, len(l))
		}
	}
}

// An announcement tells of VLANs and of their options; of a range some are those of
// the first alone.
func TestAnnouncedVLANs(t *testing.T) {
	msg := vlanMessage(unix.RTM_NEWVLAN, vlandbEntry, vlanState(vlanUntagged, 5, 6, 4, 1, 9))
	for _, self := range []bool{false, true} {
		vlans, options := AnnouncedVLANs(msg, func(index uint32, vid uint64) bool { return self && index == 7 })
		bits := ""
		if self {
			bits = "self "
		}
		if got, want := texts(vlans), []string{"family bridge dev 7 " + bits + "vid 5 untagged", "family bridge dev 7 " + bits + "vid 6 untagged"}; !slices.Equal(got, want) {
			t.Errorf("VLANs %q, want %q", got, want)
		}
		want := []string{"family bridge dev 7 vid 5 untagged state blocking mcast_router 1 mcast_n_groups 3 mcast_max_groups 9 neigh_suppress 0",
			"family bridge dev 7 vid 6 untagged state blocking mcast_router 1 mcast_n_groups 3"}
		if got := texts(options); !slices.Equal(got, want) {
			t.Errorf("options %q, want %q", got, want)
		}
	}
	global := vlanMessage(unix.RTM_NEWVLAN, vlandbGlobal, func(b *wire.Builder) {
		b.Uint16(goptsID, 5)
		b.Uint16(goptsRange, 6)
		b.Uint8(goptsMcastQuerier, 1)
	})
	vlans, options := AnnouncedVLANs(global, func(uint32, uint64) bool { return true })
	if got, want := texts(options), []string{"family bridge dev 7 vid 5 mcast_querier 1", "family bridge dev 7 vid 6 mcast_querier 1"}; len(vlans) != 0 || !slices.Equal(got, want) {
		t.Errorf("of a bridge: VLANs %q, options %q, want %q", texts(vlans), got, want)
	}
}

// Options are sent as no more than that: the flags beside are those of the VLAN.
func TestOptionsOnly(t *testing.T) {
	s := wire.NewSet(VLANOptions.Table)
	s.PutName("dev", wire.IntVal(7))
	setEnds(s, "vid", 5, 5)
	s.PutName("state", wire.IntVal(4))
	if err := VLANOptions.Finish(s, nil); err != nil {
		t.Fatal(err)
	}
	var b wire.Builder
	if err := VLANOptions.Append(&b, unix.RTM_NEWVLAN, 0, s); err != nil {
		t.Fatal(err)
	}
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	flags := binary.NativeEndian.Uint16(msg[wire.HeaderLen+brVlanMsgLen+8:])
	if flags != vlanOnlyOpts {
		t.Errorf("flags %#x", flags)
	}
}

// The kind of a message about VLANs follows from what is in it.
func TestOptionsByType(t *testing.T) {
	state := vlanMessage(unix.RTM_NEWVLAN, vlandbEntry, vlanState(0, 5, 0, 4, 1, 9))[wire.HeaderLen:]
	global := vlanMessage(unix.RTM_NEWVLAN, vlandbGlobal, func(b *wire.Builder) { b.Uint16(goptsID, 5) })[wire.HeaderLen:]
	dump := func(flags uint32) []byte {
		return append(make([]byte, brVlanMsgLen), binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, 8), vlandbDumpFlags), flags)...)
	}
	for _, tt := range []struct {
		typ  uint16
		data []byte
		want *wire.Object
	}{
		{unix.RTM_NEWVLAN, state, VLANOptions}, {unix.RTM_NEWVLAN, global, VLANGlobal}, {unix.RTM_DELVLAN, state, VLANOptions},
		{unix.RTM_GETVLAN, dump(vlandbDumpStats), VLANOptions}, {unix.RTM_GETVLAN, dump(vlandbDumpGlobal), VLANGlobal}, {unix.RTM_GETVLAN, nil, VLANOptions},
	} {
		if o := ByType(tt.typ, tt.data); o != tt.want {
			t.Errorf("type %d, %x: %s", tt.typ, tt.data, o.Name)
		}
	}
}
