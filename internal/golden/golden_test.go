package golden

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/wire"
)

var thing = &wire.Object{Name: "thing", New: 16, Table: &wire.Table{Name: "thing", Fixed: 4, Head: "thingmsg", Fields: []wire.Field{
	{Name: "dev", Kind: wire.Dev, Type: 1},
	{Name: "mtu", Kind: wire.U32, Type: 2},
}}}

func message(t *testing.T, dev string, mtu uint64) ([]byte, []wire.Reloc) {
	t.Helper()
	s := wire.NewSet(thing.Table)
	s.PutName("dev", wire.NameVal(dev))
	s.PutName("mtu", wire.IntVal(mtu))
	var b wire.Builder
	if err := thing.Append(&b, 16, 5, s); err != nil {
		t.Fatal(err)
	}
	msg, rel, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	return msg, rel
}

func entries(t *testing.T) []Entry {
	one, rel1 := message(t, "eth0", 1500)
	two, rel2 := message(t, "eth 1}", 9000)
	return []Entry{
		{Commit: 1, Label: `l"1`, Summary: "thing eth0 +", Object: thing, Msg: one, Rel: rel1},
		{Commit: 1, Label: `l"1`, Summary: "sysctl net.ipv4.ip_forward ~", Text: "net.ipv4.ip_forward = 1\n"},
		{Commit: 2, Summary: "thing eth1 +", Object: thing, Msg: two, Rel: rel2},
	}
}

func render(t *testing.T, e []Entry) string {
	t.Helper()
	text, err := Render("thing/a.star", e)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRender(t *testing.T) {
	want := `# thing/a.star
# commit 1 "l\"1"

# thing eth0 +
0000  24 00 00 00 10 00 05 00 00 00 00 00 00 00 00 00             # newthing request|ack
0010  00 00 00 00                                                 # thingmsg
0014  08 00 01 00 {eth0}                                          # dev eth0
001c  08 00 02 00 dc 05 00 00                                     # mtu 1500

# sysctl net.ipv4.ip_forward ~
> net.ipv4.ip_forward = 1

# commit 2

# thing eth1 +
0000  24 00 00 00 10 00 05 00 00 00 00 00 00 00 00 00             # newthing request|ack
0010  00 00 00 00                                                 # thingmsg
0014  08 00 01 00 {"eth 1}"}                                      # dev eth 1}
001c  08 00 02 00 28 23 00 00                                     # mtu 9000

# 2 messages, 1 other
`
	got := render(t, entries(t))
	if wire.IsBigEndian {
		want = inOrderOf(got, want)
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestParse(t *testing.T) {
	want := entries(t)
	script, got, err := Parse(render(t, want))
	if err != nil || script != "thing/a.star" || len(got) != len(want) {
		t.Fatalf("%s, %d entries, %v", script, len(got), err)
	}
	for i, g := range got {
		w := want[i]
		if g.Commit != w.Commit || g.Label != w.Label || g.Summary != w.Summary || g.Text != w.Text || !bytes.Equal(g.Msg, w.Msg) ||
			len(g.Rel) != len(w.Rel) || len(g.Rel) > 0 && g.Rel[0] != w.Rel[0] {
			t.Errorf("entry %d is %+v, want %+v", i, g, w)
		}
	}
	// Without an object the bytes are all there too.
	if _, raw, err := Parse(render(t, got)); err != nil || !bytes.Equal(raw[2].Msg, want[2].Msg) {
		t.Errorf("rendered without tables: %v", err)
	}
	if _, none, err := Parse(render(t, nil)); err != nil || len(none) != 0 {
		t.Errorf("no entries: %d, %v", len(none), err)
	}
	if dumped, err := wire.ParseDump(render(t, want)); err != nil || len(dumped) != 2 {
		t.Errorf("nlscript decode reads %d messages, %v", len(dumped), err)
	}
}

func TestParseRefuses(t *testing.T) {
	text := render(t, entries(t))
	cut := func(from, to string) string {
		i := strings.Index(text, from)
		return text[:i] + text[i+strings.Index(text[i:], to):]
	}
	for name, c := range map[string]struct{ text, want string }{
		"message lost":  {cut("# thing eth1", "# 2 messages"), "line 15: 2 messages, 1 other, but there are 1 message, 1 other"},
		"other lost":    {cut("# sysctl", "# commit 2"), "2 messages, 1 other, but there are 2 messages"},
		"count lost":    {text[:strings.Index(text, "# 2 messages")], "count of messages is missing"},
		"line lost":     {cut("0010  ", "0014  "), "line 6: offset 0014, but the lines before hold 0x10 bytes"},
		"more after it": {text + "\n# thing x\n", "count of messages is not at the end"},
		"bad bytes":     {strings.Replace(text, "0010  00", "0010  0x", 1), `line 6: "0x" is not hexadecimal`},
		"two in one":    {cut("\n# sysctl", "# sysctl"), "line 4: an entry needs one line"},
		"no commit":     {strings.Replace(text, "# commit 1 \"l\\\"1\"\n", "", 1), "line 3: an entry before the first commit"},
		"commits":       {strings.Replace(text, "# commit 2", "# commit 1", 1), "commit 1 after commit 1"},
		"label":         {strings.Replace(text, "# commit 2", "# commit 2 x", 1), "label of commit 2"},
	} {
		_, _, err := Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if _, ok := errors.AsType[*wire.TextError](err); err != nil && !ok {
			t.Errorf("%s: %T does not say the line", name, err)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	e := entries(t)
	e[0], e[2] = e[2], e[0]
	if _, err := Render("x", e); err == nil {
		t.Error("commits out of order")
	}
	e = entries(t)
	e[0].Rel = []wire.Reloc{{Off: 1000, Name: "eth0"}}
	if _, err := Render("x", e); err == nil || !strings.Contains(err.Error(), "thing eth0") {
		t.Errorf("a relocation outside: %v", err)
	}
}

func TestCompare(t *testing.T) {
	if wire.IsBigEndian {
		t.Skip("golden files are not written here")
	}
	path := filepath.Join(t.TempDir(), "new", "a.golden")
	text := render(t, entries(t))
	if _, err := Compare(path, text, false); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "-update") {
		t.Errorf("a missing file: %v", err)
	}
	if d, err := Compare(path, text, true); err != nil || !strings.Contains(d, "+# thing/a.star") {
		t.Errorf("written: %v\n%s", err, d)
	}
	if d, err := Compare(path, text, false); err != nil || d != "" {
		t.Errorf("the same: %v\n%s", err, d)
	}
	for _, change := range [][2]string{{"dc 05", "dd 05"}, {"mtu 1500", "mtu 1501"}, {"2 messages", "3 messages"}, {"{eth0}", "{eth2}"}} {
		other := strings.Replace(text, change[0], change[1], 1)
		d, err := Compare(path, other, false)
		if err != nil || strings.Count(d, "\n-") != 2 || strings.Count(d, "\n+") != 2 || !strings.Contains(d, change[1]) {
			t.Errorf("%s: %v\n%s", change, err, d)
		}
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != text {
		t.Errorf("comparing changed the file: %v", err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("a.star")
	write("link/b.star")
	write("link/b.golden")
	write("link/notes.txt")
	got, err := Find(dir, filepath.Join(dir, "a.star"), filepath.Join(dir, "link", "b.golden"))
	if want := []string{filepath.Join(dir, "a.star"), filepath.Join(dir, "link", "b.star")}; err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("found %v, %v; want %v", got, err, want)
	}
	if Path(got[1]) != filepath.Join(dir, "link", "b.golden") {
		t.Errorf("golden file %s", Path(got[1]))
	}
	write("link/lost.golden")
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), "no script lost.star") {
		t.Errorf("a golden file without script: %v", err)
	}
	if _, err := Find(filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a path that is not there: %v", err)
	}
}

// FuzzParse: what is read can be written, and is read as the same then.
func FuzzParse(f *testing.F) {
	f.Add("# a.star\n# commit 1 \"x\"\n\n# link a +\n0000  01 02 {eth0} # x\n0006  03\n\n# sysctl a\n> a = 1\n\n# 1 message, 1 other\n")
	f.Fuzz(func(t *testing.T, text string) {
		script, got, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Render(script, got)
		if err != nil {
			return // relocations that do not fit
		}
		_, twice, err := Parse(again)
		if err != nil || len(twice) != len(got) {
			t.Fatalf("%v\n%s", err, again)
		}
		for i := range got {
			if !bytes.Equal(got[i].Msg, twice[i].Msg) || len(got[i].Rel) != len(twice[i].Rel) {
				t.Errorf("entry %d is %+v, was %+v", i, twice[i], got[i])
			}
		}
	})
}
