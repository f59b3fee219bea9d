package reliability

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// TestExport carries out transactions, one by one and several behind each other,
// and exports what comes of it: that script changes nothing there, and makes in an
// empty namespace what exports the same.
func TestExport(t *testing.T) {
	base, all := transactions(t)
	all = slices.DeleteFunc(all, transaction.several) // a script rebuilds one namespace
	rnd := rand.New(rand.NewPCG(3, 1))
	var runs [][]transaction
	for _, x := range all {
		if strings.HasPrefix(x.name, "site") && !thorough() {
			continue
		}
		runs = append(runs, []transaction{x})
	}
	// One of a kind that this kernel lacks would end its like.
	usual := slices.DeleteFunc(slices.Clone(all), func(x transaction) bool {
		return x.lacks != ""
	})
	for range often(10, 3) {
		var l []transaction
		for range 4 {
			l = append(l, usual[rnd.IntN(len(usual))])
		}
		runs = append(runs, l)
	}
	for _, l := range runs {
		var names []string
		for _, x := range l {
			names = append(names, x.name)
		}
		t.Run(strings.Join(names, ", "), func(t *testing.T) {
			t.Parallel()
			first := l[0].scene(t, base).e
			for i, x := range l {
				for _, src := range []string{x.before, x.after} {
					if i == 0 && src == x.before || strings.HasPrefix(x.name, "site") && i > 0 {
						continue
					}
					_, err := first.Run(t.Context(), engine.Script{Name: "x.star", Source: []byte(src)})
					if err != nil && len(l) == 1 {
						t.Fatalf("%+v", err)
					} // one behind another may fail; it was undone
				}
			}
			text := exported(t, first)
			p, err := first.Plan(t.Context(), engine.Script{Name: "export.star", Source: []byte(text)})
			if err != nil || !p.Empty() {
				t.Errorf("where it comes from it is not unchanged: %v\n%s\n%s", err, p, text)
			}
			second := enginetest.Sandbox(t)
			if _, err := second.Run(t.Context(), engine.Script{Name: "export.star", Source: []byte(text)}); err != nil {
				t.Fatalf("%+v\n%s", err, text)
			}
			again := exported(t, second)
			if slices.ContainsFunc(unmade, func(note string) bool { return strings.Contains(text, note) }) {
				return
			}
			if again != text {
				t.Errorf("made again it exports otherwise:\n%s\n%s", lines(text, again), text)
			}
		})
	}
}

// unmade are the comments about what the kernel has and no script makes again.
var unmade = []string{"its gateway is on no network", "has no address, as its ports have left"}

func exported(t *testing.T, e *engine.Engine) string {
	t.Helper()
	var b strings.Builder
	if err := e.Export(t.Context(), &b, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// lines are those that only one of two texts has.
func lines(a, b string) string {
	var d strings.Builder
	for _, x := range []struct{ sign, in, not string }{{"- ", a, b}, {"+ ", b, a}} {
		for l := range strings.Lines(x.in) {
			if !strings.Contains(x.not, l) {
				d.WriteString(x.sign + l)
			}
		}
	}
	if d.Len() == 0 {
		return "in another order:\n" + a + b
	}
	return d.String()
}
