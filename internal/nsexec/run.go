package nsexec

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// runDir is where names of network namespaces are kept, among other things.
const runDir = "/run"

// privateRun gives this process, inside, a /run of its own: what was there stays
// to be seen, but for the names of network namespaces, and what is made there is
// seen by nobody else and ends with the process.
func privateRun() error {
	tmp, err := os.MkdirTemp("", "run")
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := unix.Mount("tmpfs", tmp, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return os.NewSyscallError("mount tmpfs", err)
	}
	defer unix.Unmount(tmp, unix.MNT_DETACH)
	entries, err := os.ReadDir(runDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "netns" {
			continue
		}
		// What cannot be shown is left out.
		show(filepath.Join(runDir, e.Name()), filepath.Join(tmp, e.Name()), e.Type())
	}
	return os.NewSyscallError("mount "+runDir, unix.Mount(tmp, runDir, "", unix.MS_BIND|unix.MS_REC, ""))
}

// show makes to what from is.
func show(from, to string, typ os.FileMode) error {
	switch {
	case typ&os.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case typ.IsDir():
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
	default:
		f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		f.Close()
	}
	return unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, "")
}
