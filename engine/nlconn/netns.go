package nlconn

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// netnsDir is where ip netns keeps names.
const netnsDir = "/run/netns"

// OpenNetNS opens the network namespace that ip netns knows by this name. The
// descriptor serves Config.NetNS; the caller closes it.
func OpenNetNS(name string) (*os.File, error) { return openNetNS(netnsDir, name) }

func openNetNS(dir, name string) (*os.File, error) {
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%q cannot be the name of a network namespace", name)
	}
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Missing("no such network namespace: %q is not in %s", name, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("network namespace %q: %w", name, err)
	}
	// A name whose namespace was unmounted stays as an empty file.
	typ, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
	if err != nil || typ != unix.CLONE_NEWNET {
		f.Close()
		return nil, fmt.Errorf("network namespace %q: %s is not one", name, filepath.Join(dir, name))
	}
	return f, nil
}

// Missing is an error that is fs.ErrNotExist, and does not say it a second time.
func Missing(format string, args ...any) error { return missing(fmt.Sprintf(format, args...)) }

type missing string

func (e missing) Error() string     { return string(e) }
func (e missing) Is(err error) bool { return err == fs.ErrNotExist }
