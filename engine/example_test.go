package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/nlscript/nlscript/engine"
)

// lab stands for a kernel in these examples, so that they run anywhere. Without
// it commits are sent.
func lab() engine.Option {
	return engine.WithFacts(engine.Facts{Links: map[string]int{"lo": 1, "mgmt0": 2, "eth0": 3}})
}

func ExampleEngine_Run() {
	e, err := engine.New(lab())
	if err != nil {
		log.Fatal(err)
	}
	res, err := e.Run(context.Background(), engine.Script{
		Name: "site.star",
		Source: []byte(`
dev = param("dev", default = "eth0")

commit(
    link(dev, up = True),
    addr("192.0.2.2/24", dev = dev),
    route("default", via = "192.0.2.1"),
)
`),
		Params: map[string]any{"dev": "eth0"},
	})
	if err != nil {
		log.Fatalf("%+v", err)
	}
	fmt.Println(res.Outcome)
	for _, c := range res.Plan.Changes {
		fmt.Println(c.Action, c.Key, c.Pos)
	}
	// Output:
	// committed
	// change link eth0 site.star:5:9
	// create addr 192.0.2.2/24 dev eth0 site.star:6:9
	// create route default site.star:7:10
}

// What is wrong with a script is told with its place: %v is one line, %+v all of
// it.
func ExampleError() {
	e, err := engine.New(lab())
	if err != nil {
		log.Fatal(err)
	}
	_, err = e.Run(context.Background(), engine.Script{
		Name:   "site.star",
		Source: []byte(`commit(link("vx0", kind = kind.vxlan(id = 1 << 24)))`),
	})
	var failure *engine.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Outcome)
		fmt.Println(failure.Pos)
		fmt.Printf("%+v\n", failure)
	}
	// Output:
	// rolled_back
	// site.star:1:38
	// site.star:1:37: in <toplevel>
	// site.star:1:38: error: kind.vxlan: id: 16777216 is out of range (0..16777215)
	//       commit(link("vx0", kind = kind.vxlan(id = 1 << 24)))
	//                                            ^^
}

// Ops need no script. What is true already is left alone, and the batch holds as
// a whole or not at all.
func ExampleEngine_Commit() {
	e, err := engine.New(lab())
	if err != nil {
		log.Fatal(err)
	}
	var ops []engine.Op
	add := func(object, subject string, attrs map[string]any) {
		op, err := engine.NewOp(object, subject, attrs)
		if err != nil {
			log.Fatal(err)
		}
		ops = append(ops, op)
	}
	add("link", "br0", map[string]any{"kind": map[string]any{"kind": "bridge", "stp_state": false}, "up": true})
	add("link", "eth0", map[string]any{"master": "br0", "up": true})
	add("addr", "10.0.0.1/24", map[string]any{"dev": "br0"})

	res, err := e.Commit(context.Background(), ops...)
	if err != nil {
		log.Fatalf("%+v", err)
	}
	for _, c := range res.Plan.Changes {
		fmt.Println(c.Action, c.Key)
	}
	// Output:
	// create link br0
	// change link eth0
	// create addr 10.0.0.1/24 dev br0
}

// With facts nothing is sent: the result has the messages, devices linked, and
// Plan.Golden writes them as golden files are.
func ExampleWithFacts() {
	e, err := engine.New(engine.WithFacts(engine.Facts{Links: map[string]int{"eth0": 3}}))
	if err != nil {
		log.Fatal(err)
	}
	res, err := e.Run(context.Background(), engine.Script{Name: "site.star", Source: []byte(
		`commit(route("10.0.0.0/8", via = "192.0.2.1", dev = "eth0", metric = 100))`,
	)})
	if err != nil {
		log.Fatalf("%+v", err)
	}
	fmt.Println(len(res.Plan.Messages), "message of", len(res.Plan.Messages[0]), "bytes")
	for _, c := range res.Plan.Changes {
		fmt.Println(c.After)
	}
	// Output:
	// 1 message of 60 bytes
	// route("10.0.0.0/8", metric = 100, via = "192.0.2.1", dev = "eth0")
}

// A policy sees each commit before it is sent, and may refuse it: this one keeps
// scripts away from the management port.
func ExampleWithPolicy() {
	handsOff := func(_ context.Context, p *engine.Plan) error {
		for _, c := range p.Changes {
			if c.Action != "unchanged" && strings.Contains(c.Key, "mgmt0") {
				return fmt.Errorf("mgmt0 is not for scripts (%s %s)", c.Action, c.Key)
			}
		}
		return nil
	}
	e, err := engine.New(lab(), engine.WithPolicy(handsOff))
	if err != nil {
		log.Fatal(err)
	}
	_, err = e.Run(context.Background(), engine.Script{Name: "site.star", Source: []byte(`
commit(link("eth0", up = True))
commit(link("mgmt0", mtu = 9000))
`)})
	fmt.Println(err)
	// Output:
	// site.star:3:7: commit: mgmt0 is not for scripts (change link mgmt0)
}

// NewOp makes what a script's commit can be given: here two routes that are all of
// their table, and a check that undoes the commit when it does not hold in time.
func ExampleNewOp() {
	op := func(object, subject string, attrs map[string]any) engine.Op {
		o, err := engine.NewOp(object, subject, attrs)
		if err != nil {
			log.Fatal(err)
		}
		return o
	}
	routes := []engine.Op{
		op("route", "10.1.0.0/16", map[string]any{"via": "192.0.2.1", "table": 100}),
		op("route", "10.2.0.0/16", map[string]any{"via": "192.0.2.2", "table": 100}),
	}
	commit := []engine.Op{
		op("sysctl", "net.ipv4.ip_forward", map[string]any{"value": 1}),
		op("exact", "route", map[string]any{"ops": routes, "table": 100}),
		op("check.ping", "192.0.2.1", map[string]any{"within": "5s"}),
	}
	for _, o := range commit {
		fmt.Println(o)
	}
	// Output:
	// sysctl("net.ipv4.ip_forward", "1")
	// exact(
	//     route,
	//     [
	//         route("10.1.0.0/16", table = 100, via = "192.0.2.1"),
	//         route("10.2.0.0/16", table = 100, via = "192.0.2.2"),
	//     ],
	//     table = 100,
	// )
	// check.ping("192.0.2.1")
}
