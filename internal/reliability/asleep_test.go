package reliability

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nlscript/nlscript/internal/testnet"
)

// A run that waits, and its watcher, are asleep until the kernel announces
// something: they do not look again and again. What they read is counted.
func TestWaitsAsleep(t *testing.T) {
	testnet.NotInVM(t)
	nlscript := command(t)
	ns := testnet.New(t)
	dir := t.TempDir()
	file, journal := filepath.Join(dir, "a.star"), filepath.Join(dir, "journal")
	const src = `commit(link("v0", kind = kind.veth(peer = {"name": "v1"}), up = True), wait.carrier("v0", within = "100s"))`
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nlscript, "run", "--journal", journal, file)
	var out bytes.Buffer
	cmd.Stderr = &out
	var err error
	testnet.Do(t, ns.FD(), func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	var pids []int
	for end := time.Now().Add(20 * time.Second); len(pids) < 2; time.Sleep(20 * time.Millisecond) {
		if l, _ := filepath.Glob(filepath.Join(journal, "*.journal")); len(l) == 1 {
			pids = holders(t, l[0])
		}
		if time.Now().After(end) {
			t.Fatalf("the journal is open in %v, want the run and its watcher\n%s", pids, &out)
		}
	}
	time.Sleep(time.Second) // it gets to its wait
	before := reads(t, pids)
	time.Sleep(time.Second)
	if n := reads(t, pids) - before; n > 20 {
		t.Errorf("%d reads while there was nothing to do", n)
	}
	cmd.Process.Signal(os.Interrupt)
	if err := <-ended; err == nil || !bytes.Contains(out.Bytes(), []byte("rolled back, verified")) {
		t.Errorf("%v\n%s", err, &out)
	}
}

// reads are the calls of read(2) and the like that processes have made.
func reads(t *testing.T, pids []int) (n uint64) {
	t.Helper()
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
		if err != nil {
			testnet.Refuse(t, err.Error())
		}
		var chars, writes, reads uint64
		if _, err := fmt.Sscanf(string(b), "rchar: %d\nwchar: %d\nsyscr: %d", &chars, &writes, &reads); err != nil {
			t.Fatal(err)
		}
		n += reads
	}
	return n
}
