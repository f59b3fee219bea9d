package tx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A device has sysctls of its own. They go with it, and those of an address
// family with an mtu that is too small for the family: it begins with the
// defaults when there is one again (inetdev_destroy, addrconf_ifdown).

// least is the smallest mtu that a family lives with.
var least = []struct {
	family, mtu uint64
	dirs        []string // before and behind the name of a device
}{
	{unix.AF_INET, 68, []string{"net/ipv4/conf/", "net/ipv4/neigh/"}},
	{unix.AF_INET6, 1280, []string{"net/ipv6/conf/", "net/ipv6/neigh/"}},
}

// tooSmall reports whether an object cannot be on a device of this mtu. Next hops can.
func tooSmall(mtu uint64, e *state.Entry) bool {
	switch e.Object {
	case rtnl.Addr, rtnl.Neigh, rtnl.Route:
		for _, f := range least {
			if mtu < f.mtu && e.Set().Uint("family") == f.family {
				return true
			}
		}
	}
	return false
}

// A lister reads all sysctls in a directory.
type lister interface {
	All(dir string) (map[string]string, error)
}

// values reads sysctls, those that can be read. Going into a namespace takes a thread:
// some do so once for all.
func values(sys Sysctls, paths []string) map[string]string {
	if many, ok := sys.(interface {
		Values(paths []string) map[string]string
	}); ok {
		return many.Values(paths)
	}
	all := map[string]string{}
	for _, path := range paths {
		if v, err := sys.Read(path); err == nil {
			all[path] = v
		}
	}
	return all
}

// read returns a link as it was read before the commit, nil when it was not there.
// Its sysctls go by the name that it had then, which undo gives it back.
func (p *planner) read(e *state.Entry) *state.Entry {
	if l := p.st.Held(rtnl.Link, e.Key); len(l) > 0 && l[0].Reported() {
		return l[0]
	}
	return nil
}

// keepSettings notes the sysctls of a device that is about to get an mtu: 0 when
// it goes.
func (p *planner) keepSettings(dev *state.Entry, mtu uint64) error {
	l, ok := p.sys.(lister)
	if dev = p.read(dev); !ok || dev == nil {
		return nil
	}
	for _, family := range least {
		if mtu >= family.mtu {
			continue
		}
		for _, dir := range family.dirs {
			all, err := l.All(dir + dev.Name())
			if errors.Is(err, fs.ErrNotExist) {
				continue // a family that it does not have
			}
			if err != nil {
				return err
			}
			paths := slices.Sorted(maps.Keys(all))
			slices.SortStableFunc(paths, func(a, b string) int { return place(isSecret(a)) - place(isSecret(b)) })
			for _, path := range paths {
				switch {
				case strings.HasSuffix(path, "/mc_forwarding"):
					continue // read only: a routing daemon's doing
				case strings.HasSuffix(path, "/mtu"):
					continue // below
				}
				p.keepSetting(path, all[path])
			}
		}
	}
	p.keepMTU(dev)
	return nil
}

// isSecret reports whether a sysctl is what a device makes its IPv6 addresses of. It
// has no value at first, and none any more is no value that can be written. Where
// there is none, addr_gen_mode cannot say that it is used; writing one says so.
func isSecret(p string) bool { return path.Base(p) == "stable_secret" }

// noSecret reports whether reading a sysctl failed because it has no value yet.
func noSecret(p string, err error) bool { return isSecret(p) && errors.Is(err, unix.EIO) }

// keepSetting notes a sysctl of a device.
func (p *planner) keepSetting(path, value string) {
	p.plan.settings = append(p.plan.settings, sysctlImage{&builtins.Sysctl{Path: path, Name: path}, value, true})
}

// keepMTU notes the mtu that IPv6 has on a device. It becomes the device's when that
// changes or the device comes up, and so need not be noted where it is the same.
func (p *planner) keepMTU(dev *state.Entry) {
	if dev = p.read(dev); p.sys == nil || dev == nil {
		return
	}
	path := "net/ipv6/conf/" + dev.Name() + "/mtu"
	if v, err := p.sys.Read(path); err == nil && v != fmt.Sprint(dev.Set().Uint("mtu")) {
		p.keepSetting(path, v)
	}
}

// shrinks notes the sysctls that change with a link, and with those above, which
// follow: all of a family when there is an mtu that is too small for it.
func (p *planner) shrinks(e *state.Entry, above []*state.Entry, pick *wire.Set) error {
	mtu := uint64(math.MaxUint64)
	if v, ok := pick.Get("mtu"); ok {
		mtu = v.N
	}
	for _, l := range append([]*state.Entry{e}, above...) {
		if err := p.keepSettings(l, mtu); err != nil {
			return err
		}
	}
	return nil
}

// undoSettings writes back the sysctls of devices that are there again, and what
// undoSysctls could not write, and returns what cannot be restored.
func (p *Plan) undoSettings(ctx context.Context, k Kernel, unwritten []sysctlImage) (undone int, left []Residue, err error) {
	settings := slices.Concat(p.settings, unwritten)
	if len(settings) == 0 {
		return 0, nil, nil
	}
	another, err := p.ofAnother(ctx, k)
	if err != nil {
		return 0, nil, err
	}
	var paths []string
	for _, img := range settings {
		paths = append(paths, img.s.Path)
	}
	all := values(k.Sys, paths)
	for _, img := range settings {
		now, there := all[img.s.Path]
		if !there && !isSecret(img.s.Path) || there && sameValue(now, img.old) || another(img.s.Path) {
			continue // went with its device, which is told, or comes when that has its name
		}
		now, err := k.Sys.Read(img.s.Path)
		if err != nil && !noSecret(img.s.Path, err) || err == nil && sameValue(now, img.old) {
			continue // another's alias, which was written
		}
		if err := k.Sys.Write(img.s.Path, img.old); err != nil {
			left = append(left, sysctlResidue(img, now, err))
			continue
		}
		undone++
	}
	return undone, left, nil
}
