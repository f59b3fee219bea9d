package engine_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// The kernel gives IPv4 addresses other labels when their link gets another name. Those that
// had none have none afterwards, and those that an op wrote have what it wrote: they are made
// again, in their order, and the plan says so.
func TestLabelsOfRenamed(t *testing.T) {
	const base = `commit(addr(["192.0.2.1/24", "10.1.1.1/24"], dev = "eth0"), addr("10.1.1.2/24", dev = "eth0", label = "eth0:x"), addr(["10.1.1.3/24", "10.2.0.1/32"], dev = "eth0"), addr("10.3.0.1/24", dev = "eth0", scope = "link"),
    route("10.77.0.0/16", via = "10.1.1.9", src = "10.1.1.1"), route("10.78.0.0/16", via = "10.1.1.9"), neigh("10.1.1.9", dev = "eth0", lladdr = "02:00:00:00:00:09"))`
	const back = "addr 192.0.2.1/24 dev NAME, addr 10.1.1.1/24 dev NAME, addr 10.2.0.1 dev NAME, addr 10.1.1.2/24 dev NAME, addr 10.1.1.3/24 dev NAME, route 10.77.0.0/16"
	const name = `link("eth0", newname = "wan")`
	for what, tt := range map[string]struct {
		src, back string
		once      bool
	}{
		"name first":      {`commit(` + name + `, addr("10.1.1.1/24", dev = "wan"))`, back, true},
		"name last":       {`commit(addr("10.1.1.1/24", dev = "eth0"), ` + name + `)`, back, false},
		"of nobody":       {`commit(` + name + `)`, back, true},
		"in two commits":  {`commit(` + name + `); commit(addr("10.1.1.1/24", dev = "wan"))`, back, true},
		"exact":           {`commit(` + name + `, exact(addr(["192.0.2.1/24", "10.1.1.1/24"], dev = "wan"), dev = "wan", family = "inet"))`, back, true},
		"exact, first":    {`commit(exact(addr(["192.0.2.1/24", "10.1.1.1/24"], dev = "eth0"), dev = "eth0", family = "inet"), ` + name + `)`, "addr 10.1.1.1/24 dev NAME, route 10.77.0.0/16", false},
		"another label":   {`commit(` + name + `, addr("10.1.1.2/24", dev = "wan", label = "wan:y"))`, back, true},
		"of the old name": {`commit(addr("10.1.1.2/24", dev = "eth0", label = "eth0:x"), ` + name + `)`, back, false},
		"a verb, first":   {`commit(link.set("eth0", newname = "wan"), addr("10.1.1.3/24", dev = "wan"))`, "", false},
		"a verb, last":    {`commit(addr("10.2.0.1/32", dev = "eth0"), link.set("eth0", newname = "wan"))`, "addr 10.2.0.1 dev NAME, addr 10.1.1.2/24 dev NAME, addr 10.1.1.3/24 dev NAME", false},
		"with more":       {`commit(link("eth0", newname = "wan", mtu = 1400, address = "02:00:00:00:00:05"), addr("10.4.0.1/24", dev = "wan"), neigh("10.1.1.9", dev = "wan", lladdr = "02:00:00:00:00:09"))`, back, true},
		"neighbours, too": {`commit(neigh("10.1.1.9", dev = "eth0", lladdr = "02:00:00:00:00:09"), link("eth0", newname = "wan", address = "02:00:00:00:00:05"))`, "neigh 10.1.1.9 dev NAME, " + back, false},
		"down":            {`commit(link("eth0", newname = "wan", up = False), addr("10.1.1.1/24", dev = "wan"))`, strings.TrimSuffix(back, ", route 10.77.0.0/16"), true},
		"exchanged":       {`commit(` + name + `, link("eth1", newname = "eth0"), link("wan", newname = "eth1"), addr("10.1.1.1/24", dev = "eth1"))`, back + ", " + back, false},
		"made":            {`commit(link("b0", kind = kind.bridge()), addr(["10.5.0.1/24", "10.6.0.1/24"], dev = "b0"), link("b0", newname = "b1"), addr("10.6.0.1/24", dev = "b1"))`, "addr 10.6.0.1/24 dev NAME", false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, base, nil)
			is := regexp.MustCompile(`dev \w+`).ReplaceAllString(putBack(asPlanned(t, e, tt.src, tt.once)), "dev NAME")
			if is != tt.back {
				t.Errorf("put back\n  %s\nwant\n  %s", is, tt.back)
			}
		})
	}
}

// What the kernel makes of labels is known: a plan says what ops behind it change, as the run
// does.
func TestLabelsByKernel(t *testing.T) {
	for _, name := range []string{"wan", "abcdefghijklm", "a"} {
		e := enginetest.Sandbox(t, "eth0")
		mustRun(t, e, `commit(addr("10.1.0.1/24", dev = "eth0", label = "eth0:first"), addr("10.2.0.1/24", dev = "eth0", label = "eth0:1:y"), addr("10.3.0.1/24", dev = "eth0", label = "a:b:c"), addr("10.4.0.1/24", dev = "eth0", label = "plain"),
    addr("10.1.0.2/24", dev = "eth0", label = "eth0:longlabel"), addr(["10.5.0.1/24", "10.1.0.3/24"], dev = "eth0"), addr("10.6.0.1/24", dev = "eth0", scope = "host", label = "eth0:h"))`, nil)
		src := `commit(link.set("eth0", newname = "` + name + `"))
for a in ["10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.1.0.2", "10.5.0.1", "10.1.0.3", "10.6.0.1"]:
    commit(addr(a + "/24", dev = "` + name + `", scope = "host" if a == "10.6.0.1" else None))`
		p := strings.ReplaceAll(planned(t, e, src), "p.star", "a.star")
		if r := mustRun(t, e, src, nil); r.Plan.String() != p {
			t.Errorf("the run is another than the plan:\n%s\n%s", p, r.Plan)
		}
		if n := strings.Count(p, "-> none"); n != 7 {
			t.Errorf("%d labels change:\n%s", n, p)
		}
	}
}

// putBack is what changes of a plan take away and make again.
func putBack(p *engine.Plan) string {
	var l []string
	for line := range strings.Lines(p.String()) {
		if what, is := strings.CutSuffix(strings.TrimSpace(line), "lost meanwhile, put back"); is {
			l = append(l, strings.TrimSpace(strings.TrimPrefix(what, "- ")))
		}
	}
	return strings.Join(l, ", ")
}
