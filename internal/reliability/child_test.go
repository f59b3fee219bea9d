package reliability

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// TestMain runs the tests, or is the process that they kill, or another that writes.
func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childMark) {
	case "":
		// Much of what they do is waiting for the kernel.
		flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0)))
		testnet.Main(m)
	case writes:
		err = otherProgram()
	case writesVLANs:
		err = otherVLANProgram()
	case watcherMark:
		err = watcher(os.Args[1], os.Args[2])
	default:
		err = child(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%+v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// childMark is in the environment of the process that is killed, and says what
// it is.
const (
	childMark   = "NLSCRIPT_RELIABILITY_CHILD"
	watchedMark = "watched"
	aloneMark   = "alone" // without a watcher, as if that were killed first
	watcherMark = "watcher"
)

// child is what `nlscript run --journal DIR FILE` does, in the network namespace
// that it was started in. It says on standard output when it begins and when it
// has ended.
func child(journal, file string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	e, err := engine.New(engine.WithJournal(journal))
	if err != nil {
		return err
	}
	if os.Getenv(childMark) == watchedMark {
		e.SetWatcher(func(j, alive *os.File) error {
			_, err := os.StartProcess("/proc/self/exe", []string{"/proc/self/exe", journal, j.Name()}, &os.ProcAttr{
				Env: []string{childMark + "=" + watcherMark}, Files: []*os.File{nil, nil, os.Stderr, j, alive}, Sys: &syscall.SysProcAttr{Setsid: true}})
			return err
		})
	}
	os.Stdout.WriteString("b")
	_, err = e.Run(context.Background(), engine.Script{Name: "after.star", Source: src})
	os.Stdout.WriteString("e")
	return err
}

// watcher is what `nlscript watch` does.
func watcher(dir, journal string) error {
	for fd := 3; fd <= 4; fd++ {
		syscall.CloseOnExec(fd)
	}
	e, err := engine.New(engine.WithJournal(dir))
	if err != nil {
		return err
	}
	return e.Watch(context.Background(), os.NewFile(3, journal), os.NewFile(4, "alive"))
}
