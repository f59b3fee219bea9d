package reliability

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/internal/testnet"
)

// command builds the command.
func command(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "nlscript")
	build := exec.Command("go", "build", "-o", name, "../../cmd/nlscript")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return name
}

// holders are the processes that have a file open.
func holders(t *testing.T, file string) (pids []int) {
	t.Helper()
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{os.Getpid(): true}
	for _, fd := range fds {
		if name, err := os.Readlink(fd); err != nil || name != file {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(fd))))
		if err == nil && !seen[pid] {
			seen[pid] = true
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestKillsWhileConfirming kills the command while its run waits to be confirmed:
// the watcher undoes it at the deadline. When the watcher is killed too, recover
// does.
func TestKillsWhileConfirming(t *testing.T) {
	testnet.NotInVM(t)
	nlscript := command(t)
	base, all := transactions(t)
	for _, c := range []struct {
		name, wait string
		watcher    bool // is killed too
		signal     unix.Signal
		what       string // transaction
	}{
		{"nlscript", "2s", false, unix.SIGKILL, "run: several commits"},
		{"nlscript hangs up", "2s", false, unix.SIGHUP, "run: several commits"},
		{"nlscript and watcher", "60s", true, unix.SIGKILL, "run: several commits"},
		{"nlscript, over two namespaces", "2s", false, unix.SIGKILL, "netns: several commits, an end moves"},
		{"nlscript, over one that is made", "2s", false, unix.SIGKILL, "netns: a link goes into one that is made"},
		{"nlscript and watcher, over two namespaces", "60s", true, unix.SIGKILL, "netns: things go in several"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var x transaction
			for _, y := range all {
				if y.name == c.what {
					x = y
				}
			}
			sc := x.scene(t, base)
			e, before := sc.e, sc.take()
			dir := t.TempDir()
			file, journal := filepath.Join(dir, "a.star"), filepath.Join(dir, "journal")
			if err := os.WriteFile(file, sc.script().Source, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(nlscript, "run", "--confirm", c.wait, "--journal", journal, file)
			var out bytes.Buffer
			cmd.Stderr = &out
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			testnet.Do(t, e.NetNS(), func() { err = cmd.Start() })
			if err != nil {
				t.Fatal(err)
			}
			path := pending(t, journal)
			pids := holders(t, path)
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			if c.watcher {
				if len(pids) < 1 {
					t.Fatal("there is no watcher")
				}
				for _, pid := range pids {
					if pid != cmd.Process.Pid {
						unix.Kill(pid, unix.SIGKILL)
					}
				}
			}
			cmd.Wait()
			if c.watcher {
				for end := time.Now().Add(20 * time.Second); len(holders(t, path)) > 0; time.Sleep(10 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatal("the watcher does not die")
					}
				}
				process(t, e, nlscript, "recover", "--journal", journal)
			} else {
				for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
					if _, err := os.Stat(path); err != nil {
						break
					}
				}
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("the journal is still there")
			}
			if d := before.differs(); d != "" {
				t.Errorf("not undone:\n%s", d)
			}
		})
	}
}

// pending waits until a run waits to be confirmed, and returns its journal.
func pending(t *testing.T, dir string) string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		l, _ := filepath.Glob(filepath.Join(dir, "*.journal"))
		for _, path := range l {
			if h, err := tx.ReadHead(path); err == nil && !h.Deadline.IsZero() {
				return path
			}
		}
	}
	t.Fatal("no run waits to be confirmed")
	return ""
}
