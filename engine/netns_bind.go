package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
)

// bind gives the namespace its name, as ip netns add does.
func (sp *space) bind() error {
	dir := filepath.Dir(sp.file)
	if sp.Place.Name != "" {
		if err := shareNames(dir); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(sp.file, os.O_RDONLY|os.O_CREATE|os.O_EXCL, 0)
	if err != nil {
		return err
	}
	f.Close()
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", sp.ns.fd()), sp.file, "none", unix.MS_BIND, ""); err != nil {
		os.Remove(sp.file)
		return fmt.Errorf("mounting %s: %w", sp.file, err)
	}
	sp.Missing = false
	return nil
}

// shareNames makes the directory of names a mount point that shares with other
// mount namespaces, so that names made and removed there are so everywhere.
func shareNames(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := unix.Mount("", dir, "none", unix.MS_SHARED|unix.MS_REC, "")
	if err == unix.EINVAL { // it is no mount point
		if err = unix.Mount(dir, dir, "none", unix.MS_BIND|unix.MS_REC, ""); err == nil {
			err = unix.Mount("", dir, "none", unix.MS_SHARED|unix.MS_REC, "")
		}
	}
	if err != nil {
		return fmt.Errorf("sharing %s: %w", dir, err)
	}
	return nil
}

// unbind takes the name away. The namespace ends when nothing is in it.
func (sp *space) unbind() error {
	missing, file := sp.Missing, sp.file
	sp.drop()
	if missing {
		return nil
	}
	if err := unix.Unmount(file, unix.MNT_DETACH); err != nil {
		return err
	}
	return os.Remove(file)
}

// Clear implements tx.Spaces.
func (l *spaces) Clear(p *builtins.Place) {
	file := p.File()
	if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		if f, err := openSpace(p, file); err == nil {
			f.Close() // it was mounted meanwhile
			return
		}
		os.Remove(file)
	}
}

// drop closes the space and forgets it.
func (sp *space) drop() {
	sp.close()
	sp.in.list = slices.DeleteFunc(sp.in.list, func(x *space) bool { return x == sp })
}
