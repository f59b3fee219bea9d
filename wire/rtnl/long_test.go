package rtnl

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// TestTooLong: what does not fit in an attribute is an error that names its row,
// whoever fills in the bytes, and leaves the builder as it was.
func TestTooLong(t *testing.T) {
	var ids []wire.Value
	for i := range 9000 {
		ids = append(ids, wire.IntVal(uint64(i+1)))
	}
	labels := wire.StrVal(strings.Repeat("1/", 20000) + "1")
	bytes := wire.StrVal(strings.Repeat("x", 70000))
	option := wire.StrVal(strings.Repeat("0102:80:00000001,", 9000) + "0102:80:00000001")
	encap := func(tab *wire.Table, row ...any) *wire.Set {
		return rowsOf(t, Route.Table, "dst", "10.0.0.0/8", "encap", wire.SubVal(rowsOf(t, tab, row...)))
	}
	for _, c := range []struct {
		o    *wire.Object
		set  *wire.Set
		want string
	}{
		{Nexthop, rowsOf(t, Nexthop.Table, "id", 1, "group", wire.ListOf(ids...)), "group: attribute 2: 72000 bytes, at most 65531 fit"},
		{Route, rowsOf(t, Route.Table, "family", unix.AF_MPLS, "as_", labels), "as: attribute 19: 80004 bytes, at most 65531 fit"},
		{Route, encap(encapMPLS, "dst", labels), "encap.mpls.dst: attribute 1: 80004 bytes, at most 65531 fit"},
		{Route, encap(encapSeg6, "srh", bytes), "encap.seg6: attribute 1: 70004 bytes, at most 65531 fit"},
		{Route, encap(encapSeg6Local, "action", "End", "srh", bytes), "encap.seg6local.srh: attribute 2: 70000 bytes, at most 65531 fit"},
		{Route, encap(encapIOAM6, "trace", bytes), "encap.ioam6: attribute 3: 70000 bytes, at most 65531 fit"},
		{Route, encap(encapIP, "geneve_opts", wire.ListOf(option)), "encap.ip: nest 8: 252028 bytes, at most 65531 fit"},
	} {
		var b wire.Builder
		if err := c.o.Append(&b, c.o.New, 0, c.set); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got  %v\n want %s", c.o.Name, err, c.want)
		}
		if left, err := b.Bytes(); err != nil || len(left) != 0 {
			t.Errorf("%s: %d bytes are left, %v", c.want, len(left), err)
		}
	}
}
