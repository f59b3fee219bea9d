package tx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// sysctlOp plans a sysctl: nothing when the value is so already.
func (p *planner) sysctlOp(op *builtins.Op) error {
	s := op.Sysctl
	err := p.contradicts(op, "sysctl\x00"+s.Path, func(first *builtins.Op) bool { return first.Sysctl.Value == s.Value })
	if err != nil {
		return err
	}
	p.ensuresSysctl(op)
	before := p.pathBefore(s.Path)
	old, sure := p.st.Sysctls.Sure[s.Path]
	read := false
	if !sure && p.sys != nil {
		old, err = p.sys.Read(before)
		switch {
		case err == nil:
			read = true
		case errors.Is(err, fs.ErrNotExist) && p.makesDevice(s.Path):
			// The device it belongs to is made in this batch.
		case errors.Is(err, fs.ErrPermission), noSecret(s.Path, err):
			// Some can only be written, or not be taken back.
		default:
			if say := dottedDevice(s.Path); say != "" && errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%w; if a device has the dots in its name, write %s", err, say)
			}
			return err
		}
	}
	known, was := sure || read, old
	if other, doubt := p.st.Sysctls.Perhaps[s.Path]; doubt && known && sameValue(old, s.Value) {
		was = other
	}
	if known && sameValue(was, s.Value) {
		p.change(&Change{Action: Same, Op: op, Old: old})
		return nil
	}
	c := p.change(&Change{Action: Modify, Op: op, Old: was})
	if !known && p.sys != nil && !p.makesDevice(s.Path) && !isCommand(s.Path) {
		c.Losses = append(c.Losses, Loss{Title: c.title(), What: "its value before, which cannot be read"})
	}
	if read && before != s.Path {
		p.keepSetting(before, old)
	}
	// What was not read is kept by whatever has made it so.
	p.plan.sysctls = append(p.plan.sysctls, sysctlImage{s, old, read && before == s.Path})
	p.spread(s.Path, s.Value, known)
	p.st.Sysctls.Write(s.Path, s.Value)
	if err := p.takes(s.Path, s.Value, c); err != nil {
		return err
	}
	p.step(Step{Op: op, Sysctl: s, Fence: true})
	return nil
}

// An ensuredSysctl is one that has the value that an op wants, in the end by this path.
type ensuredSysctl struct {
	op   *builtins.Op
	path string
}

// ensuresSysctl notes what an op wants: of two names that a device has in turn, the last
// word counts.
func (p *planner) ensuresSysctl(op *builtins.Op) {
	path := op.Sysctl.Path
	p.plan.ensured = slices.DeleteFunc(p.plan.ensured, func(x ensuredSysctl) bool { return x.path == path })
	p.plan.ensured = append(p.plan.ensured, ensuredSysctl{op, path})
}

// renamesSysctls notes that the sysctls of a device are those of another name: the old one
// may become that of another device.
func (p *planner) renamesSysctls(old, name string) {
	for i := range p.plan.ensured {
		x := &p.plan.ensured[i]
		x.path = state.Renamed(x.path, old, name)
	}
	for id := range p.seen {
		if path, is := strings.CutPrefix(id, "sysctl\x00"); is && state.DeviceOf(path) == old {
			delete(p.seen, id)
		}
	}
}

// pathBefore is the path that a sysctl has before the commit: it goes by the name of
// its device, which the commit may change.
func (p *planner) pathBefore(path string) string {
	name := state.DeviceOf(path)
	e := p.st.Known(name)
	if e == nil || e.Name() != name {
		return path
	}
	if was := p.read(e); was != nil {
		return state.Renamed(path, name, was.Name())
	}
	return path
}

// dottedDevice is how to write a sysctl of a device whose name has dots, when the
// path may have come from such a name: net.ipv4.conf.eth0.100.forwarding.
func dottedDevice(path string) string {
	parts := strings.Split(path, "/")
	last := len(parts) - 1
	if len(parts) < 6 || parts[2] != "conf" && parts[2] != "neigh" {
		return ""
	}
	return strings.Join(append(parts[:3:3], strings.Join(parts[3:last], "."), parts[last]), "/")
}

// isCommand reports whether writing a sysctl does something and keeps no value.
func isCommand(p string) bool { return path.Base(p) == "flush" }

// makesDevice reports whether a component of the path is a link that the batch
// makes, or that an earlier one would make.
func (p *planner) makesDevice(path string) bool {
	for _, part := range strings.Split(path, "/") {
		if e := p.st.Link(part); p.plan.touch.links[part] || e != nil && !e.Reported() {
			return true
		}
	}
	return false
}

// sysctlImage is a sysctl before the batch.
type sysctlImage struct {
	s     *builtins.Sysctl
	old   string
	known bool
}

// sameValue compares values as the kernel prints them: fields, however spaced.
func sameValue(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i] != y[i] && !sameAddr(x[i], y[i]) {
			return false
		}
	}
	return true
}

// sameAddr compares addresses, which the kernel prints with all their zeros.
func sameAddr(a, b string) bool {
	x, err := netip.ParseAddr(a)
	y, err2 := netip.ParseAddr(b)
	return err == nil && err2 == nil && x == y
}

// undoSysctls writes back what the batch may have written, last first, and
// returns what has to wait: a value may be legal only when its device is as it was, and
// a device may have another name, or its name be that of another.
func (p *Plan) undoSysctls(ctx context.Context, k Kernel) (undone int, waits []sysctlImage, err error) {
	another, err := p.ofAnother(ctx, k)
	if err != nil {
		return 0, nil, err
	}
	for i := len(p.sysctls) - 1; i >= 0; i-- {
		img := p.sysctls[i]
		if !img.known {
			continue
		}
		now, err := k.Sys.Read(img.s.Path)
		if errors.Is(err, fs.ErrNotExist) || another(img.s.Path) {
			waits = append(waits, img)
			continue
		}
		if err == nil && sameValue(now, img.old) {
			continue
		}
		if err := k.Sys.Write(img.s.Path, img.old); err != nil {
			waits = append(waits, img)
			continue
		}
		undone++
	}
	return undone, waits, nil
}

// ofAnother tells of sysctls whether another device has the name now than had it before:
// the undo has yet to give the names back.
func (p *Plan) ofAnother(ctx context.Context, k Kernel) (func(path string) bool, error) {
	ofDevice := func(img sysctlImage) bool { return state.DeviceOf(img.s.Path) != "" }
	if !slices.ContainsFunc(p.sysctls, ofDevice) && !slices.ContainsFunc(p.settings, ofDevice) {
		return func(string) bool { return false }, nil
	}
	now := state.New(Source{k.Conn})
	if err := now.Load(ctx, state.Scope{Object: rtnl.Link}); err != nil {
		return nil, err
	}
	return func(path string) bool {
		l := now.Known(state.DeviceOf(path))
		if l == nil {
			return false
		}
		was := p.before(l)
		if was == nil {
			return false
		}
		name, _ := was.Get("name")
		return name.S != state.DeviceOf(path)
	}, nil
}

func sysctlResidue(img sysctlImage, now string, err error) Residue {
	return Residue{Title: "sysctl " + img.s.Name, Text: fmt.Sprintf("was %q, is %q (%v)", img.old, now, err)}
}

// verifySysctls compares what was ensured with what is there, also what was so
// already: others may have changed it along with theirs.
func (p *Plan) verifySysctls(sys Sysctls) error {
	for _, x := range p.ensured {
		now, err := sys.Read(x.path)
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist) && p.without(x.path):
			continue
		case err == nil && !sameValue(now, x.op.Sysctl.Value):
			err = fmt.Errorf("the kernel holds %q, not %q as written", strings.TrimSpace(now), x.op.Sysctl.Value)
		}
		if err != nil {
			return &OpError{x.op, "", err}
		}
	}
	return nil
}

// without reports whether the device that a sysctl is of has gone with the plan, or to
// another namespace.
func (p *Plan) without(path string) bool {
	name := state.DeviceOf(path)
	return name != "" && p.st.Known(name) == nil
}
