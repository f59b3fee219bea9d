package builtins

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire/rtnl"
)

func TestDoc(t *testing.T) {
	for name, want := range map[string]string{
		"":                      "Namespaces:",
		"route":                 "route(dst, ...)",
		"route.add":             "route.add(dst, ...)",
		"route.mtu":             "Value: an integer, 0..4294967295",
		"route.advmss":          "attribute 8, u32, in nest metrics",
		"rule.from":             "rule.from_",
		"kind":                  "kind.vxlan",
		"kind.vxlan":            "kind.vxlan(...)",
		"kind.vxlan.id":         "attribute 1, u32",
		"kind.veth.peer":        "Keywords:",
		"hop.weight":            "1..256",
		"bridge.fdb":            "bridge.fdb.append",
		"bridge.vlan":           "bridge.vlan.add",
		"bridge.tunnel_info.id": "range",
		"bridge.vlan_options":   "Only what is written changes.",
		"bridge.vlan_global":    "bridge.vlan_global.set",

		"bridge.vlan_options.neigh_suppress": "has an effect while neigh_vlan_suppress is on",
		"commit":                             "commit(ops...",
		"kind.vxlan.port":                    "",
		"rout":                               "",
		"route.xyz":                          "",
	} {
		got, err := Doc(name)
		switch {
		case want == "" && err == nil:
			t.Errorf("%s: no error", name)
		case want != "" && (err != nil || !strings.Contains(got, want)):
			t.Errorf("%s: %v\n%s\nwant %q in it", name, err, got, want)
		}
	}
	if _, err := Doc("rout"); err == nil || !strings.Contains(err.Error(), "did you mean route?") {
		t.Errorf("got %v", err)
	}
}

// TestFunctionsDocumented: every name of a script has a page.
func TestFunctionsDocumented(t *testing.T) {
	var walk func(name string, v starlark.Value)
	walk = func(name string, v starlark.Value) {
		if ns, ok := v.(*namespace); ok && name != "ip" {
			for k, m := range ns.members() {
				walk(name+"."+k, m)
			}
			return
		}
		if _, err := Doc(name); err != nil {
			t.Error(err)
		}
	}
	for name, v := range Predeclared() {
		walk(name, v)
	}
}

// TestSchema: every row is in it, with a kind, a form and documentation.
func TestSchema(t *testing.T) {
	s := NewSchema()
	paths := map[string]bool{}
	check := func(l []SchemaAttr) {
		for _, a := range l {
			if a.Kind == "" || a.Value == "" || a.Path == "" {
				t.Errorf("%s: kind %q, value %q", a.Path, a.Kind, a.Value)
			}
			if paths[a.Path] {
				t.Errorf("%s is there twice", a.Path)
			}
			paths[a.Path] = true
		}
	}
	for _, o := range s.Objects {
		check(o.Attrs)
	}
	for _, k := range s.Kinds {
		check(k.Attrs)
	}
	for _, p := range []string{"route.mtu", "rule.from", "kind.vxlan.id", "kind.veth.peer.mtu", "link.xdp.fd", "hop.weight", "bridge.fdb.lladdr"} {
		if !paths[p] {
			t.Errorf("no %s", p)
		}
	}
	if data, err := json.Marshal(s); err != nil || len(data) < 100000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// TestPackageDoc: the package's documentation names every object and namespace.
func TestPackageDoc(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, l := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(l, "//\t") {
			for _, w := range strings.Fields(l[3:]) {
				words[w] = true
			}
		}
	}
	m := newManual(rtnl.Objects, rtnl.Hop)
	var names []string
	for _, o := range m.objects {
		names = append(names, o.Name)
	}
	for _, s := range m.spaces {
		names = append(names, s.name)
	}
	for _, f := range functions() {
		names = append(names, f.name)
	}
	for _, n := range names {
		if !words[n] {
			t.Errorf("doc.go does not name %s", n)
		}
	}
}
