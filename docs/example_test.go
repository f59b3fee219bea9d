package docs

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/nlscript/nlscript/engine"
)

// The example of README.md.
func Example() {
	ctx := context.Background()
	facts := engine.Facts{Links: map[string]int{"eth0": 2}}
	e, err := engine.New(engine.WithFacts(facts)) // without options: the kernel
	if err != nil {
		log.Fatal(err)
	}
	script := engine.Script{Name: "site.star", Source: []byte(`
commit(addr("192.0.2.2/24", dev = "eth0"), route("default", via = "192.0.2.1"))
`)}
	res, err := e.Run(ctx, script)
	if err != nil {
		log.Fatalf("%+v", err) // with the line of the script at fault
	}
	fmt.Println(res.Outcome, len(res.Plan.Messages))

	// Output: committed 2
}

// Ops without a script.
func Example_ops() {
	e, err := engine.New(engine.WithFacts(engine.Facts{StandIns: true}))
	if err != nil {
		log.Fatal(err)
	}
	vx, err := engine.NewOp("link", "vx0", map[string]any{
		"kind": map[string]any{"kind": "vxlan", "id": 9, "local": "192.0.2.2", "dev": "eth0"},
		"up":   true,
	})
	if err != nil {
		log.Fatal(err)
	}
	old, err := engine.NewOp("route", "10.9.0.0/16", nil)
	if err != nil {
		log.Fatal(err)
	}
	res, err := e.Commit(context.Background(), vx, old.Absent())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Plan.Changes[0].Action, res.Plan.Changes[0].Key)

	// Output: create link vx0
}

// Errors say where, what and why.
func Example_error() {
	e, err := engine.New(engine.WithFacts(engine.Facts{StandIns: true}))
	if err != nil {
		log.Fatal(err)
	}
	_, err = e.Run(context.Background(), engine.Script{
		Name:   "site.star",
		Source: []byte(`commit(link("vx0", kind = kind.vxlan(id = 1 << 24)))`),
	})
	var fail *engine.Error
	if errors.As(err, &fail) {
		fmt.Println(fail.Outcome, fail.Pos)
		fmt.Println(fail.Message)
	}

	// Output:
	// rolled_back site.star:1:38
	// kind.vxlan: id: 16777216 is out of range (0..16777215)
}

// A policy looks at each commit before it is sent.
func Example_policy() {
	forbid := func(_ context.Context, p *engine.Plan) error {
		for _, c := range p.Changes {
			if strings.Contains(c.Key, "mgmt0") {
				return errors.New("mgmt0 is not for scripts")
			}
		}
		return nil
	}
	e, err := engine.New(engine.WithPolicy(forbid), engine.WithFacts(engine.Facts{StandIns: true}))
	if err != nil {
		log.Fatal(err)
	}
	_, err = e.Run(context.Background(), engine.Script{
		Name:   "site.star",
		Source: []byte(`commit(link("mgmt0", up = False))`),
	})
	fmt.Println(err)

	// Output: site.star:1:7: commit: mgmt0 is not for scripts
}

// What scripts do with functions, programs do with ops.
func Example_opsOfAll() {
	e, err := engine.New(engine.WithFacts(engine.Facts{StandIns: true}))
	if err != nil {
		log.Fatal(err)
	}
	op := func(object, subject string, attrs map[string]any) engine.Op {
		o, err := engine.NewOp(object, subject, attrs)
		if err != nil {
			log.Fatal(err)
		}
		return o
	}
	routes := []engine.Op{op("route", "10.1.0.0/16", map[string]any{"via": "192.0.2.1", "table": 100})}
	res, err := e.Commit(context.Background(),
		op("sysctl", "net.ipv4.ip_forward", map[string]any{"value": 1}),
		op("exact", "route", map[string]any{"ops": routes, "table": 100}), // and no others of table 100
		op("check.ping", "192.0.2.1", map[string]any{"within": "5s"}),     // or all is undone
	)
	fmt.Println(res.Outcome, len(res.Plan.Messages), err)

	// Output: committed 1 <nil>
}
