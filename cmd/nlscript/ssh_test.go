package main

import (
	"bytes"
	"context"
	"net/netip"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

func TestSSHWarning(t *testing.T) {
	e, err := engine.New(engine.WithFacts(engine.Facts{Links: map[string]int{"eth0": 2, "eth1": 3}}))
	if err != nil {
		t.Fatal(err)
	}
	const line = "Your SSH session (198.51.100.7) comes in by eth0, which this changes: consider  nlscript run --confirm 60s site.star\n"
	for src, want := range map[string]string{
		`commit(link("eth0", mtu = 1400))`:                          line,
		`commit(link("eth1", mtu = 1400))`:                          "",
		`commit(route("default", via = "192.0.2.9", dev = "eth1"))`: "Your SSH session (198.51.100.7) comes in by eth0, and this changes route default: consider  nlscript run --confirm 60s site.star\n",
	} {
		p, err := e.Plan(context.Background(), engine.Script{Name: "site.star", Source: []byte(src)})
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		a := &app{stderr: &said}
		s := &ssh{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("198.51.100.7"), "eth0"}
		s.warn(a, p, (&target{}).again("--confirm 60s", "site.star"))
		if said.String() != want {
			t.Errorf("%s: got %q, want %q", src, &said, want)
		}
		(*ssh)(nil).warn(a, p, "") // no session: nothing to say
	}
	if s := (&app{stderr: new(bytes.Buffer)}).sshSession(&target{}); s != nil {
		t.Errorf("a session without a terminal: %v", s)
	}
}

// The warning comes once, from the first commit that gives reason to.
func TestSSHPolicy(t *testing.T) {
	var said bytes.Buffer
	s := &ssh{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("198.51.100.7"), "eth0"}
	facts := engine.Facts{Links: map[string]int{"eth0": 2, "eth1": 3}}
	e, err := engine.New(engine.WithFacts(facts), s.policy(&app{stderr: &said}, "AGAIN"))
	if err != nil {
		t.Fatal(err)
	}
	src := `
commit(link("eth1", mtu = 1400))
commit(link("eth0", mtu = 1400))
commit(link("eth0", mtu = 1300))
`
	if _, err := e.Run(context.Background(), engine.Script{Name: "a.star", Source: []byte(src)}); err != nil {
		t.Fatal(err)
	}
	if want := "Your SSH session (198.51.100.7) comes in by eth0, which this changes: consider  AGAIN\n"; said.String() != want {
		t.Errorf("said %q, want %q", &said, want)
	}
}
