package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/nlconn"
)

const (
	rootJournals = "/run/nlscript"
	userRuntime  = "/run/user"
	userJournals = "/tmp/nlscript-" // and the user's number
	noJournal    = "none"
)

// A place is where runs are kept track of: a network namespace and a directory
// of journals.
type place struct{ netns, journal string }

func (p *place) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.netns, "netns", "", "work in the network namespace `NAME` of ip netns")
	p.journalFlag(cmd)
}

func (p *place) journalFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.journal, "journal", "", "keep journals in `DIR`, or \"none\" (default "+rootJournals+", or a private directory)")
}

// option makes an engine keep journals.
func (p *place) option() (engine.Option, error) {
	if p.journal == noJournal {
		return func(*engine.Engine) error { return nil }, nil
	}
	dir, err := p.dir(true)
	if err != nil {
		return nil, fmt.Errorf("journal: %w; nothing was sent (--journal DIR names another directory, --journal none does without)", err)
	}
	return engine.WithJournal(dir), nil
}

// engine makes the engine of a verb that looks after runs. It is nil when there is no
// directory of journals, which such a verb does not make: there is nothing to look
// after.
func (p *place) engine(a *app) (*engine.Engine, error) {
	if p.journal == noJournal {
		return nil, usagef("--journal none: there is nothing to look at")
	}
	opts := []engine.Option{engine.WithLogger(a.logger("", false))}
	if p.netns != "" {
		ns, err := nlconn.OpenNetNS(p.netns)
		if err != nil {
			return nil, err
		}
		defer ns.Close()
		opts = append(opts, engine.WithNetNS(int(ns.Fd())))
	}
	dir, err := p.dir(false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if p.journal != "" {
			fmt.Fprintf(a.stderr, "warning: there is no directory %s\n", p.journal)
		}
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("journal: %w", err)
	}
	return engine.New(append(opts, engine.WithJournal(dir))...)
}

// command is another verb for the same place, as a person would type it.
func (p *place) command(verb string) string {
	s := "nlscript " + verb
	if p.netns != "" {
		s += " --netns " + p.netns
	}
	if p.journal != "" {
		s += " --journal " + p.journal
	}
	return s
}

// dir is the directory, which make makes if it is missing; otherwise the error is then
// fs.ErrNotExist. What is in it can change the network of whoever reads it, so it has
// to be ours alone to write.
func (p *place) dir(make bool) (string, error) {
	if p.journal != "" {
		dir, err := filepath.Abs(p.journal) // the watcher works in another directory
		if err != nil {
			return "", err
		}
		if make {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return "", fileError(err)
			}
		}
		return dir, ours(dir)
	}
	uid := outsideUID()
	if uid == 0 {
		// Root of a namespace inside another's is not the one that /run is for.
		if dir, err := made(rootJournals, make); err == nil {
			return dir, nil
		}
	}
	if runtime := filepath.Join(userRuntime, strconv.Itoa(uid)); uid != 0 && ours(runtime) == nil {
		return made(filepath.Join(runtime, "nlscript"), make)
	}
	return made(userJournals+strconv.Itoa(uid), make)
}

// made is a directory that is ours, which make makes unless it is there.
func made(dir string, make bool) (string, error) {
	if make {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fileError(err)
		}
	}
	return dir, ours(dir)
}

// ours reports what is wrong with a directory that only we shall write to.
func ours(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is no directory", dir)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d", dir, st.Uid)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%s can be written to by others", dir)
	}
	return nil
}

// outsideUID is our user as the world outside of this user namespace numbers it:
// all are root in their own.
func outsideUID() int {
	uid := os.Geteuid()
	b, _ := os.ReadFile("/proc/self/uid_map") // where it is not there, nobody is mapped
	for line := range strings.Lines(string(b)) {
		var n []int64 // inside, outside, how many
		for _, f := range strings.Fields(line) {
			x, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return uid
			}
			n = append(n, x)
		}
		if in := int64(uid); len(n) == 3 && in >= n[0] && in-n[0] < n[2] {
			return int(n[1] + in - n[0])
		}
	}
	return uid
}
