package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// A writer that changes what a commit writes, between its plan and its send, is
// a conflict: ours is undone, its value stays.
func TestConflict(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	ctx := context.Background()
	other, err := engine.New(engine.WithNetNS(ns.FD()))
	if err != nil {
		t.Fatal(err)
	}
	run := func(e *engine.Engine, src string) (*engine.Result, error) {
		return e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(src)})
	}
	if _, err := run(other, `commit(addr("192.0.2.2/24", dev = "eth0"), route("10.1.0.0/24", via = "192.0.2.8"))`); err != nil {
		t.Fatal(err)
	}
	meddle := func(src string) *engine.Engine {
		var once sync.Once
		e, err := engine.New(engine.WithNetNS(ns.FD()), engine.WithPolicy(func(context.Context, *engine.Plan) error {
			once.Do(func() {
				if _, err := run(other, src); err != nil {
					t.Errorf("the other program: %v", err)
				}
			})
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	tests := []struct{ name, ours, theirs, stays string }{
		{"route replaced", `commit(link("eth0", mtu = 1400), route("10.1.0.0/24", via = "192.0.2.1"))`,
			`commit(route("10.1.0.0/24", via = "192.0.2.9"))`, `commit(route("10.1.0.0/24", via = "192.0.2.9"), link("eth0", mtu = 1500))`},
		{"route removed", `commit(route("10.1.0.0/24", via = "192.0.2.1"))`,
			`commit(absent(route("10.1.0.0/24")))`, `commit(absent(route("10.1.0.0/24")))`},
		{"link", `commit(link("eth0", mtu = 1400))`, `commit(link("eth0", mtu = 1300))`, `commit(link("eth0", mtu = 1300))`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := run(meddle(tt.theirs), tt.ours)
			var failed *engine.Error
			if !errors.As(err, &failed) || failed.Outcome != "conflict" {
				t.Fatalf("got %+v, want a conflict", err)
			}
			p, err := other.Plan(ctx, engine.Script{Name: "stays.star", Source: []byte(tt.stays)})
			if err != nil {
				t.Fatal(err)
			}
			if !p.Empty() {
				t.Errorf("what the other program made is not there:\n%s", p)
			}
		})
	}
	// What a daemon does beside us is none of our business.
	if _, err := run(meddle(`commit(route("10.77.0.0/16", via = "192.0.2.9"), link("eth0", alias = "renamed by udev"))`), `commit(route("10.78.0.0/16", via = "192.0.2.1"), link("eth0", mtu = 1450))`); err != nil {
		t.Errorf("changes beside ours: %+v", err)
	}
}

func TestConflictRetry(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	ctx := context.Background()
	other, err := engine.New(engine.WithNetNS(ns.FD()))
	if err != nil {
		t.Fatal(err)
	}
	times := 0
	e, err := engine.New(engine.WithNetNS(ns.FD()), engine.WithPolicy(func(context.Context, *engine.Plan) error {
		if times++; times <= 2 {
			_, err := other.Run(ctx, engine.Script{Name: "b.star", Source: []byte(`commit(link("eth0", mtu = ` + []string{"1301", "1302"}[times-1] + `))`)})
			return err
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(`commit(link("eth0", mtu = 1400))`), Retry: 3}); err != nil {
		t.Fatalf("%+v", err)
	}
	if times < 3 {
		t.Errorf("planned %d times, want 3 or more", times)
	}
}

// What others wrote of a link beside us stays when ours is undone, and so does
// nothing of ours.
func TestBesideUsStays(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	ctx := context.Background()
	other, err := engine.New(engine.WithNetNS(ns.FD()))
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.WithNetNS(ns.FD()), engine.WithPolicy(func(_ context.Context, p *engine.Plan) error {
		if p.Changes[0].Object == "link" {
			_, err := other.Run(ctx, engine.Script{Name: "b.star", Source: []byte(`commit(link("eth0", alias = "theirs", txqueuelen = 77, altnames = ["x"]))`)})
			return err
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(`commit(link("eth0", mtu = 1400, group = 5)); commit(route("10.1.0.0/24", via = "192.0.2.1"))`)})
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
		t.Fatalf("%+v", err)
	}
	p, err := other.Plan(ctx, engine.Script{Name: "stays.star", Source: []byte(`commit(link("eth0", alias = "theirs", txqueuelen = 77, altnames = ["x"], mtu = 1500, group = 0))`)})
	if err != nil || !p.Empty() {
		t.Errorf("%v\n%s", err, p)
	}
}
