package reliability

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// writesVLANs marks the process that writes VLANs without a pause.
const writesVLANs = "write VLANs"

// VLAN 10 of eth0 has options that nobody gives the same value twice
// (mcast_max_groups). VLAN 20 has flags: the other program makes it tagged and
// untagged in turns, and only we make it the pvid.
const (
	optionsVID = 10
	flagsVID   = 20

	flagPVID     = 1 << 1 // BRIDGE_VLAN_INFO_
	flagUntagged = 1 << 2
	onlyOpts     = 1 << 6
)

// A vlanLog is what the kernel says was written to both, in its order.
type vlanLog struct {
	dev     uint32
	groups  uint32            // the last mcast_max_groups
	over    map[uint32]uint32 // what ours have overwritten
	flags   uint16            // the last flags
	beneath []uint16          // those that each of ours has overwritten
}

func (l *vlanLog) follow(m wire.Message) {
	if m.Type != unix.RTM_NEWVLAN || binary.NativeEndian.Uint32(m.Data[4:]) != l.dev {
		return
	}
	for entry := range wire.Attrs(m.Data[8:]) {
		vid, flags, groups := uint16(0), uint16(0), uint32(0)
		for a := range wire.Attrs(entry.Data) {
			switch a.Type {
			case 1: // BRIDGE_VLANDB_ENTRY_INFO
				flags, vid = binary.NativeEndian.Uint16(a.Data)&(flagPVID|flagUntagged), binary.NativeEndian.Uint16(a.Data[2:])
			case 8: // BRIDGE_VLANDB_ENTRY_MCAST_MAX_GROUPS
				groups = binary.NativeEndian.Uint32(a.Data)
			}
		}
		switch vid {
		case optionsVID:
			if groups >= oursOfMany && groups != l.groups {
				l.over[groups] = l.groups
			}
			l.groups = groups
		case flagsVID:
			if flags&flagPVID != 0 && l.flags&flagPVID == 0 {
				l.beneath = append(l.beneath, l.flags)
			}
			l.flags = flags
		}
	}
}

// otherVLANProgram writes both until its standard input ends, and keeps the log. It
// says when it has begun, and in the end how often it wrote, what the log has last,
// and what ours have overwritten.
func otherVLANProgram() error {
	d, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	var conns [2]*nlconn.Conn
	for i, groups := range [][]uint32{nil, {unix.RTNLGRP_BRVLAN}} {
		if conns[i], err = nlconn.Dial(nlconn.Config{Groups: groups, RecvBuf: 4 << 20}); err != nil {
			return err
		}
	}
	l := &vlanLog{dev: uint32(d.Index), over: map[uint32]uint32{}}
	var b wire.Builder
	send := func(typ uint16, head int, body func()) error {
		b.Reset()
		m := b.Begin(typ, unix.NLM_F_REQUEST)
		h := b.Fixed(head)
		h[0] = unix.AF_BRIDGE
		binary.NativeEndian.PutUint32(h[4:], l.dev)
		body()
		b.End(m)
		msg, err := b.Bytes()
		if err != nil {
			return err
		}
		var refused error
		err = conns[0].Transact([][]byte{msg}, func(_ int, r wire.Reply) {
			if r.Errno != 0 {
				refused = fmt.Errorf("%v %s", r.Errno, r.Message)
			}
		})
		return errors.Join(err, refused, conns[1].Drain(l.follow))
	}
	info := func(typ, flags, vid uint16) {
		p := b.Attr(typ, 4)
		binary.NativeEndian.PutUint16(p, flags)
		binary.NativeEndian.PutUint16(p[2:], vid)
	}
	var ended <-chan struct{}
	for n := uint32(1); ; n++ {
		err := send(unix.RTM_NEWVLAN, 8, func() {
			entry := b.Nest(1) // BRIDGE_VLANDB_ENTRY
			info(1, onlyOpts, optionsVID)
			b.Uint32(8, n)
			b.End(entry)
		})
		if err == nil {
			err = send(unix.RTM_SETLINK, 16, func() {
				spec := b.Nest(unix.IFLA_AF_SPEC)
				info(2, flagUntagged*uint16(n&1), flagsVID) // IFLA_BRIDGE_VLAN_INFO
				b.End(spec)
			})
		}
		if err != nil {
			return err
		}
		if ended == nil {
			ended = begin()
		}
		select {
		case <-ended:
			if err := conns[1].Drain(l.follow); err != nil { // ours may be the last
				return err
			}
			fmt.Println(n, flagUntagged*uint16(n&1), l.groups, l.flags, len(l.over), len(l.beneath))
			for ours, over := range l.over {
				fmt.Println(ours, over)
			}
			for _, flags := range l.beneath {
				fmt.Println(flags)
			}
			return nil
		default:
		}
	}
}

var maxGroups = regexp.MustCompile(`mcast_max_groups (\d+) -> `)

// TestForeignVLANWriter has another process write the very VLANs, and options of
// them, that we commit, without a pause: no commit that reports success has overwritten what
// it did not see, and what is there in the end is the other program's.
func TestForeignVLANWriter(t *testing.T) {
	commits := often(500, 4)
	e := enginetest.Sandbox(t, "eth0")
	_, err := e.Run(t.Context(), engine.Script{Name: "before.star", Source: []byte(`commit(
    link("br0", kind = kind.bridge(vlan_filtering = True, mcast_vlan_snooping = True), up = True),
    link("eth0", master = "br0", up = True), bridge.vlan([10, 20], dev = "eth0"))`)})
	if errors.Is(err, unix.EOPNOTSUPP) {
		testnet.Lacks(t, "VLANs of bridges")
		t.SkipNow()
	}
	if err != nil {
		t.Fatalf("%+v", err)
	}
	stop, says := beside(t, e, writesVLANs)
	saw := map[uint32]uint32{} // by what is committed
	flags, conflicts := 0, 0
	for i := range commits {
		v := uint32(oursOfMany + i)
		ops := []string{fmt.Sprintf(`bridge.vlan_options(10, dev = "eth0", mcast_max_groups = %d)`, v), `bridge.vlan(20, dev = "eth0", pvid = True, untagged = True)`}[i%2]
		res, err := e.Run(t.Context(), engine.Script{Name: "ours.star", Source: []byte("commit(" + ops + ")")})
		var failed *engine.Error
		switch {
		case err == nil && i%2 == 1:
			flags++
		case err == nil:
			m := maxGroups.FindStringSubmatch(res.Plan.String())
			if m == nil {
				t.Fatalf("commit %d: no value before in the plan:\n%s", i, res.Plan)
			}
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			saw[v] = uint32(n)
		case errors.As(err, &failed) && failed.Outcome == "conflict":
			conflicts++
		default:
			t.Errorf("commit %d: %s: %+v", i, ops, err)
		}
	}
	stop()
	var n, groups uint32
	var overs int
	var wrote, left uint16
	var beneath int
	says(&n, &wrote, &groups, &left, &overs, &beneath)
	// The last commits may have come behind it, and hold.
	if _, committed := saw[groups]; groups != n && !committed {
		t.Errorf("in the end mcast_max_groups is %d, not %d as the other program wrote last", groups, n)
	}
	if left != wrote && (left&flagPVID == 0 || flags == 0) {
		t.Errorf("in the end the flags are %d, not %d as the other program wrote last", left, wrote)
	}
	lost := lostUpdates(t, says, overs, saw)
	if beneath < flags {
		t.Errorf("%d commits of flags report success, and %d were written", flags, beneath)
	}
	t.Logf("foreign writer: %d commits beside %d writes of a VLAN and its options without a pause: %d committed, %d conflicts; %d lost updates", commits, 2*n, len(saw)+flags, conflicts, lost)
	if conflicts == 0 {
		t.Error("nothing was in conflict")
	}
}
