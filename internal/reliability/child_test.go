package reliability

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// TestMain runs the tests, or is the process that they kill, or another that writes.
func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childMark) {
	case "":
		testnet.Main(m)
	case writes:
		err = otherProgram()
	default:
		err = child(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%+v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// childMark is in the environment of the process that is killed.
const childMark = "NLSCRIPT_RELIABILITY_CHILD"

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
	os.Stdout.WriteString("b")
	_, err = e.Run(context.Background(), engine.Script{Name: "after.star", Source: src})
	os.Stdout.WriteString("e")
	return err
}
