package engine

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
)

// machine is the sysctls of another namespace, in which nothing may be written.
type machine struct{ t *testing.T }

func (m machine) Read(path string) (string, error) {
	if path == "net/core/of_the_machine" {
		return "7", nil
	}
	return "", fmt.Errorf("no such sysctl (%w)", fs.ErrNotExist)
}

func (m machine) Write(path, value string) error {
	m.t.Errorf("%s was written", path)
	return nil
}

// What is one for the whole machine is read, and never written.
func TestRehearsedSysctls(t *testing.T) {
	var ns namespace
	if err := ns.fresh(); err != nil {
		testnet.Refuse(t, err.Error())
	}
	defer ns.close()
	r := &rehearsal{}
	s := &rehearsedSys{own: procSys{&ns}, real: machine{t}, written: map[string]string{}, r: r}
	for _, c := range []struct{ path, was, write string }{
		{"net/core/of_the_machine", "7", "8"},
		{"net/core/of_the_machine", "8", "9"},
		{"net/ipv4/ip_forward", "0", "1"},
		{"net/ipv4/ip_forward", "1", "0"},
	} {
		if v, err := s.Read(c.path); v != c.was || err != nil {
			t.Errorf("%s is %q, %v; want %q", c.path, v, err, c.was)
		}
		if err := s.Write(c.path, c.write); err != nil {
			t.Error(err)
		}
	}
	if fmt.Sprint(r.Notes) != "[sysctl net.core.of_the_machine is one for the whole machine, and was not tried]" {
		t.Error(r.Notes)
	}
	if err := s.Write("net/core/missing", "1"); err == nil {
		t.Error("a sysctl that is nowhere was written")
	}
}
