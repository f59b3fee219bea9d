package tx

import (
	"os"
	"path/filepath"
	"testing"
)

// Journals are found whatever their directory is called.
func TestJournals(t *testing.T) {
	for _, name := range []string{"plain", "[a]", "a*", `a\?`} {
		dir := filepath.Join(t.TempDir(), name)
		if l, err := Journals(dir); len(l) > 0 || err != nil {
			t.Errorf("%s is not there: %v, %v", name, l, err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		j, err := CreateJournal(dir, Head{Cookie: 7})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if err := os.WriteFile(filepath.Join(dir, "7.lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := Journals(dir); err != nil || len(l) != 1 || l[0] != j.File().Name() {
			t.Errorf("%s: %v, %v; want %s", name, l, err, j.File().Name())
		}
	}
	if _, err := Journals("/proc/self/status"); err == nil {
		t.Error("what is no directory has journals")
	}
}
