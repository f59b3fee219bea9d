package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// Two programs that make the same object at the same time both succeed: one makes
// it, the other finds that it holds. When they want different ones, the one that
// comes second has a conflict.
func TestBothMakeTheSame(t *testing.T) {
	testnet.NotInVM(t)
	for _, tt := range []struct{ name, one, other string }{
		{"rule", `rule(from_ = "10.77.0.0/16", table = 100, priority = 1000)`, ""},
		{"route", `route("10.77.0.0/16", via = "192.0.2.1")`, `route("10.77.0.0/16", via = "192.0.2.2")`},
		{"route of IPv6", `route("2001:db8:77::/48", via = "2001:db8::1")`, `route("2001:db8:77::/48", via = "2001:db8::2")`},
		{"address", `addr("10.77.0.1/24", dev = "eth0")`, ""},
		{"neighbour", `neigh("192.0.2.7", lladdr = "02:00:00:00:00:07", dev = "eth0", nud = "permanent")`, `neigh("192.0.2.7", lladdr = "02:00:00:00:00:08", dev = "eth0", nud = "permanent")`},
		{"next hop", `nexthop(77, via = "192.0.2.1", dev = "eth0")`, `nexthop(77, via = "192.0.2.2", dev = "eth0")`},
		{"link", `link("br77", kind = kind.bridge())`, `link("br77", kind = kind.bridge(priority = 4096))`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ns := testnet.New(t)
			ns.Veth("eth0")
			run := func(src string) error {
				e, err := engine.New(engine.WithNetNS(ns.FD()))
				if err != nil {
					return err
				}
				_, err = e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
				return err
			}
			if err := run(`link("eth0", up = True), addr(["192.0.2.9/24", "2001:db8::9/64"], dev = "eth0")`); err != nil {
				t.Fatal(err)
			}
			conflicts := 0
			for i := range 60 {
				a, b := tt.one, tt.one
				if i%2 == 1 && tt.other != "" {
					b = tt.other
				}
				ends := make(chan error)
				for _, src := range []string{a, b} {
					go func() { ends <- run(src) }()
				}
				for range 2 {
					var failed *engine.Error
					switch err := <-ends; {
					case err == nil:
					case a != b && errors.As(err, &failed) && failed.Outcome == "conflict":
						conflicts++
					default:
						t.Errorf("%s beside %s: %+v", a, b, err)
					}
				}
				if err := run("absent(" + a + ")"); err != nil {
					t.Fatal(err)
				}
				if t.Failed() {
					return
				}
			}
			t.Logf("%d conflicts", conflicts)
		})
	}
}

// An address that another program made first is left where it is, and so are those
// beside it: the order of addresses is not made again for it.
func TestQuickerOfAddress(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	run := func(src string, opts ...engine.Option) {
		t.Helper()
		e, err := engine.New(append(opts, engine.WithNetNS(ns.FD()))...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")}); err != nil {
			t.Fatalf("%+v", err)
		}
	}
	run(`link("eth0", up = True), addr("192.0.2.9/24", dev = "eth0")`)
	mon, err := nlconn.Dial(nlconn.Config{NetNS: ns.FD(), Groups: []uint32{unix.RTNLGRP_IPV4_IFADDR}})
	if err != nil {
		t.Fatal(err)
	}
	defer mon.Close()
	address := `addr("10.77.0.1/24", dev = "eth0")`
	var once sync.Once
	run(address, engine.WithPolicy(func(context.Context, *engine.Plan) error {
		once.Do(func() { run(address) })
		return nil
	}))
	var told []uint16
	if err := mon.Drain(func(m wire.Message) { told = append(told, m.Type) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, []uint16{unix.RTM_NEWADDR}) {
		t.Errorf("announced were %d, want one %d", told, unix.RTM_NEWADDR)
	}
}
