package reliability

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/faults"
	"github.com/nlscript/nlscript/internal/testnet"
)

// many is a script that makes n routes of 10.0.0.0/8, in order.
func many(n int, options string) engine.Script {
	return engine.Script{Name: "many.star", Source: []byte(fmt.Sprintf(`commit(route(ip.prefix("10.0.0.0/8").subnets(%d)[:%d], via = "192.0.2.9"%s))`, width(n), n, options))}
}

// width is the shortest prefix length of which 10.0.0.0/8 has n.
func width(n int) int {
	bits := 8
	for 1<<(bits-8) < n {
		bits++
	}
	return bits
}

func wide(t *testing.T) *engine.Engine {
	t.Helper()
	e := enginetest.Sandbox(t, "eth0")
	_, err := e.Run(t.Context(), engine.Script{Name: "base.star", Source: []byte(`commit(addr(["192.0.2.1/24", "2001:db8::1/64"], dev = "eth0"))`)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestManyRoutes commits 100,000 routes (where thorough), and again with the last one refused: all
// others are undone, verified.
func TestManyRoutes(t *testing.T) {
	n := often(100000, 10000)
	e := wide(t)
	before := enginetest.Take(t, e)
	begin := time.Now()
	r, err := e.Run(t.Context(), many(n, ""))
	alone := time.Since(begin)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if len(r.Plan.Messages) != n {
		t.Fatalf("%d messages, want %d", len(r.Plan.Messages), n)
	}
	if err := r.Undo(t.Context()); err != nil {
		t.Fatalf("%+v", err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Fatal("undo of a commit that held left something behind")
	}
	refused := &faults.Fault{At: n - 1, Spoil: func(s faults.Step) faults.Step {
		s.Msg = slices.Clone(s.Msg)
		binary.NativeEndian.PutUint16(s.Msg[4:], 0x7f0) // no such message
		return s
	}}
	begin = time.Now()
	_, err = e.Run(faults.With(t.Context(), refused), many(n, ""))
	whole := time.Since(begin)
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
		t.Fatalf("%+v", err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Error("the last was refused, and others are still there")
	}
	t.Logf("%d routes: commit %v; commit, failure at the last message and verified undo %v: %.1f times", n, alone.Round(time.Millisecond), whole.Round(time.Millisecond), float64(whole)/float64(alone))
}

// TestBesideMany makes one new route and replaces one, of both families, beside
// very many, and compares with ip route replace: whole processes, in turns. What
// is asserted is in TestReadsInProportion; times only say how it is here.
func TestBesideMany(t *testing.T) {
	testnet.NotInVM(t)
	n, turns := often(1000000, 20000), often(50, 5)
	ip, err := exec.LookPath("ip")
	if err != nil {
		testnet.Refuse(t, "no ip")
	}
	nlscript := installed(t, command(t))
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			e := wide(t)
			begin := time.Now()
			fill(t, e, f.net, f.via, n)
			t.Logf("%d routes of %s made in %v", n, f.name, time.Since(begin).Round(time.Millisecond))
			file, journals := inMemory(t)+"/one.star", inMemory(t)
			run := func(mtu int) time.Duration {
				if err := os.WriteFile(file, []byte(fmt.Sprintf(`commit(route("%s", via = "%s", mtu = %d))`, f.one, f.via, mtu)), 0o600); err != nil {
					t.Fatal(err)
				}
				return process(t, e, nlscript, "run", "--journal", journals, file)
			}
			replace := func(mtu int) time.Duration {
				return process(t, e, ip, "route", "replace", f.one, "via", f.via, "mtu", fmt.Sprint(mtu))
			}
			var theirs, ours [2][]time.Duration // new, replaced
			for i := range turns {
				theirs[0] = append(theirs[0], replace(1300+i))
				theirs[1] = append(theirs[1], replace(1400+i))
				process(t, e, ip, "route", "del", f.one)
				ours[0] = append(ours[0], run(1300+i))
				ours[1] = append(ours[1], run(1400+i))
				process(t, e, ip, "route", "del", f.one)
			}
			for i, what := range []string{"new", "replaced"} {
				ip, nl := median(theirs[i]), median(ours[i])
				t.Logf("a %s route beside %d of %s: ip route replace %v, nlscript %v: %.1f times", what, n, f.name,
					ip.Round(10*time.Microsecond), nl.Round(10*time.Microsecond), float64(nl)/float64(ip))
			}
		})
	}
}

// installed is a copy of a program, as people have it. The linker writes a file page by
// page, and the kernel maps what it keeps of one so more slowly, at each start.
func installed(t *testing.T, program string) string {
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), filepath.Base(program))
	if err := os.WriteFile(name, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// inMemory is a directory in memory, as /run is.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "journals")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func median(l []time.Duration) time.Duration {
	l = slices.Sorted(slices.Values(l))
	return l[len(l)/2]
}

// process runs a command in the namespace of an engine and says how long it took. It
// waits a little before, so that nothing of the one before is measured: a watcher
// that is ending, say.
func process(t *testing.T, e *engine.Engine, name string, args ...string) time.Duration {
	t.Helper()
	var took time.Duration
	var out bytes.Buffer
	var err error
	testnet.Do(t, e.NetNS(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Stderr = &out
		time.Sleep(20 * time.Millisecond)
		begin := time.Now()
		err = cmd.Run()
		took = time.Since(begin)
	})
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out.Bytes())
	}
	return took
}
