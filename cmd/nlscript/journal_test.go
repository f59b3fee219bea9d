package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

func TestOurs(t *testing.T) {
	dir := t.TempDir()
	make := func(name string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.Mkdir(p, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	private := make("private", 0o700)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(private, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		private:                    "",
		make("readable", 0o755):    "",
		make("group", 0o770):       "can be written to by others",
		make("sticky", 0o1777):     "can be written to by others",
		link:                       "is no directory",
		filepath.Join(dir, "none"): "no such file or directory",
	} {
		switch err := ours(path); {
		case want == "" && err != nil:
			t.Errorf("%s: %v", path, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if os.Geteuid() == 0 {
		other := make("other", 0o700)
		if err := os.Chown(other, 65534, 65534); err == nil && ours(other) == nil {
			t.Error("a directory of another user is taken")
		}
	}
}

func TestPlaceDir(t *testing.T) {
	t.Chdir(t.TempDir())
	p := place{journal: "a/b"}
	dir, err := p.dir(true)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat("a/b"); !filepath.IsAbs(dir) || err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v %v", dir, st, err)
	}
}

// Who only looks makes no directory.
func TestPlaceLooks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "typo", "x")
	for args, want := range map[string]struct {
		status int
		out    string
		said   string
	}{
		"status":         {exitOK, "nothing is going on or waits to be confirmed or recovered\n", ""},
		"status --json":  {exitOK, `{"runs":[],"schema_version":1}` + "\n", ""},
		"recover":        {exitOK, "nothing to recover\n", ""},
		"confirm":        {exitFailed, "", "error: no run waits to be confirmed\n"},
		"confirm --undo": {exitFailed, "", "error: no run waits to be confirmed\n"},
	} {
		var out, said strings.Builder
		status := run(t.Context(), append(strings.Fields(args), "--journal", dir), nil, &out, &said)
		want.said = "warning: there is no directory " + dir + "\n" + want.said
		if status != want.status || out.String() != want.out || said.String() != want.said {
			t.Errorf("%s: status %d, %q, %q", args, status, &out, &said)
		}
		if _, err := os.Stat(filepath.Dir(dir)); err == nil {
			t.Fatalf("%s made the directory", args)
		}
	}
}

func TestPlaceCommand(t *testing.T) {
	if got, want := (&place{}).command("confirm"), "nlscript confirm"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (&place{netns: "blue", journal: "/j"}).command("recover"), "nlscript recover --netns blue --journal /j"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAgain(t *testing.T) {
	x := target{netns: "blue", journal: "/j", params: params{define: []string{"key=secret"}, file: "p.json"}}
	if got, want := x.again("--retry 3", "site.star"), "nlscript run --retry 3 --netns blue --journal /j -D ... --params p.json site.star"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAdvice(t *testing.T) {
	v := advice{recover: "nlscript recover", retry: "nlscript run --retry 3 site.star"}
	for outcome, want := range map[string]string{
		"rolled_back": "",
		"residue":     "\ntry again with  nlscript recover  (journal kept)",
		"conflict":    ". Again:  nlscript run --retry 3 site.star",
	} {
		if got := v.of(&engine.Error{Outcome: outcome}); got != want {
			t.Errorf("%s: got %q, want %q", outcome, got, want)
		}
	}
}
