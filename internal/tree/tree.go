// Package tree compares netlink messages as what they mean: attributes of
// different types in any order, alignment and the NLA_F flags aside. Tests use it
// to hold our bytes against those that iproute2 sent.
package tree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// ignored are the flags that say nothing about the object.
const ignored = unix.NLM_F_ACK | unix.NLM_F_ECHO

// Diff says where got differs from want, two whole messages whose fixed header
// has so many bytes, one line a difference. Within one type of attribute the
// order counts, between types it does not; a string may end with NUL or not.
//
// No table is asked what is nested, so that no mistake in one is hidden: two
// payloads that differ and both are attributes are compared as these.
func Diff(want, got []byte, fixed int) []string {
	w, err := message(want)
	if err != nil {
		return []string{"want: " + err.Error()}
	}
	g, err := message(got)
	if err != nil {
		return []string{err.Error()}
	}
	if g.Type != w.Type {
		return []string{fmt.Sprintf("type %d, want %d", g.Type, w.Type)}
	}
	d := &differ{}
	if g.Flags|ignored != w.Flags|ignored {
		d.add("flags %#x, want %#x", g.Flags, w.Flags)
	}
	if len(w.Data) < fixed || len(g.Data) < fixed {
		return append(d.out, "shorter than its header")
	}
	d.header(w, slices.Clone(g.Data[:fixed]), w.Data[:fixed])
	skip := (fixed + 3) &^ 3
	d.attrs(w.Data[min(skip, len(w.Data)):], g.Data[min(skip, len(g.Data)):], []uint16{w.Type})
	return d.out
}

func message(b []byte) (m wire.Message, err error) {
	n := 0
	for m, err = range wire.Messages(b) {
		if err != nil {
			return m, err
		}
		n++
	}
	if n != 1 {
		return m, fmt.Errorf("%d messages in one", n)
	}
	return m, nil
}

type differ struct{ out []string }

func (d *differ) add(format string, args ...any) { d.out = append(d.out, fmt.Sprintf(format, args...)) }

// header compares the fixed headers. The index of a link that is created is ours
// to choose where iproute2 gave none.
func (d *differ) header(m wire.Message, got, want []byte) {
	const index = 4
	if m.Type == unix.RTM_NEWLINK && m.Flags&unix.NLM_F_CREATE != 0 && binary.NativeEndian.Uint32(want[index:]) == 0 {
		clear(got[index : index+4])
	}
	if !bytes.Equal(got, want) {
		d.add("header %x, want %x", got, want)
	}
}

// attrs compares two lists of attributes at path: the type of the message, then
// those of the attributes they are in.
func (d *differ) attrs(want, got []byte, path []uint16) {
	if !framed(got) {
		d.add("%s: not attributes: %s", name(path), short(got))
		return
	}
	have := map[uint16][][]byte{}
	for a := range wire.Attrs(got) {
		have[a.Type] = append(have[a.Type], a.Data)
	}
	for w, err := range wire.Attrs(want) {
		if err != nil {
			d.add("want, %s: %v", name(path), err)
			return
		}
		p := append(slices.Clip(path), w.Type)
		if len(have[w.Type]) == 0 {
			d.add("%s: missing, want %s", name(p), short(w.Data))
			continue
		}
		d.payload(w.Data, have[w.Type][0], p)
		have[w.Type] = have[w.Type][1:]
	}
	for t, rest := range have {
		for _, p := range rest {
			d.add("%s: not wanted: %s", name(append(slices.Clip(path), t)), short(p))
		}
	}
}

func (d *differ) payload(want, got []byte, path []uint16) {
	head := headerOf(path)
	switch {
	case same(want, got):
	case isHops(path):
		d.hops(want, got, path)
	case head > 0 && len(want) >= head && len(got) >= head:
		if !bytes.Equal(want[:head], got[:head]) {
			d.add("%s: header %x, want %x", name(path), got[:head], want[:head])
		}
		d.attrs(want[head:], got[head:], path)
	case len(want) > 0 && len(got) > 0 && framed(want) && framed(got):
		d.attrs(want, got, path)
	default:
		d.add("%s: %s, want %s", name(path), short(got), short(want))
	}
}

func isRoute(path []uint16) bool {
	return path[0] == unix.RTM_NEWROUTE || path[0] == unix.RTM_DELROUTE
}

func isHops(path []uint16) bool {
	return isRoute(path) && slices.Equal(path[1:], []uint16{unix.RTA_MULTIPATH})
}

// headerOf is the length of the struct that attributes follow in the one at
// path: the peer of a veth is a link message.
func headerOf(path []uint16) int {
	const peer = 1 // VETH_INFO_PEER
	if path[0] == unix.RTM_NEWLINK && slices.Equal(path[1:], []uint16{unix.IFLA_LINKINFO, unix.IFLA_INFO_DATA, peer}) {
		return unix.SizeofIfInfomsg
	}
	return 0
}

// hops compares struct rtnexthop and what follows each, one after the other.
func (d *differ) hops(want, got []byte, path []uint16) {
	for i := 0; len(want) > 0 || len(got) > 0; i++ {
		w, restW, okW := hop(want)
		g, restG, okG := hop(got)
		if !okW || !okG {
			d.add("%s: next hop %d: %s, want %s", name(path), i, short(got), short(want))
			return
		}
		const length = 2 // it follows from the attributes
		if !bytes.Equal(w[length:unix.SizeofRtNexthop], g[length:unix.SizeofRtNexthop]) {
			d.add("%s: next hop %d: %x, want %x", name(path), i, g[:unix.SizeofRtNexthop], w[:unix.SizeofRtNexthop])
		}
		d.attrs(w[unix.SizeofRtNexthop:], g[unix.SizeofRtNexthop:], path)
		want, got = restW, restG
	}
}

func hop(p []byte) (h, rest []byte, ok bool) {
	if len(p) < unix.SizeofRtNexthop {
		return nil, nil, false
	}
	n := int(binary.NativeEndian.Uint16(p))
	if n < unix.SizeofRtNexthop || n > len(p) {
		return nil, nil, false
	}
	return p[:n], p[min(len(p), (n+3)&^3):], true
}

func framed(b []byte) bool {
	for _, err := range wire.Attrs(b) {
		if err != nil {
			return false
		}
	}
	return true
}

// same allows for one trailing NUL more or less.
func same(a, b []byte) bool {
	n := len(a) - len(b)
	return -1 <= n && n <= 1 && bytes.Equal(bytes.TrimRight(a, "\x00"), bytes.TrimRight(b, "\x00"))
}

func name(path []uint16) string {
	s := fmt.Sprintf("message %d", path[0])
	for _, t := range path[1:] {
		s += fmt.Sprintf(".%d", t)
	}
	return s
}

func short(p []byte) string {
	const most = 48
	if len(p) > most {
		return fmt.Sprintf("%d bytes %x…", len(p), p[:most])
	}
	return fmt.Sprintf("%d bytes %x", len(p), p)
}
