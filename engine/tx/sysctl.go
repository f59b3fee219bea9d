package tx

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"strings"

	"github.com/nlscript/nlscript/builtins"
)

// sysctlOp plans a sysctl: nothing when the value is so already.
func (p *planner) sysctlOp(op *builtins.Op) error {
	s := op.Sysctl
	err := p.contradicts(op, "sysctl\x00"+s.Path, func(first *builtins.Op) bool { return first.Sysctl.Value == s.Value })
	if err != nil {
		return err
	}
	p.plan.ensured = append(p.plan.ensured, op)
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

// pathBefore is the path that a sysctl has before the commit: it goes by the name of
// its device, which the commit may change.
func (p *planner) pathBefore(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) != 5 || parts[2] != "conf" && parts[2] != "neigh" {
		return path
	}
	e := p.st.Known(parts[3])
	if e == nil || e.Name() != parts[3] {
		return path
	}
	if was := p.read(e); was != nil {
		parts[3] = was.Name()
	}
	return strings.Join(parts, "/")
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
// returns what is refused: a value may be legal only when its device is as it was.
func (p *Plan) undoSysctls(sys Sysctls) (undone int, refused []sysctlImage) {
	for i := len(p.sysctls) - 1; i >= 0; i-- {
		img := p.sysctls[i]
		if !img.known {
			continue
		}
		now, err := sys.Read(img.s.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // went with its device
		}
		if err == nil && sameValue(now, img.old) {
			continue
		}
		if err := sys.Write(img.s.Path, img.old); err != nil {
			refused = append(refused, img)
			continue
		}
		undone++
	}
	return undone, refused
}

func sysctlResidue(img sysctlImage, now string, err error) Residue {
	return Residue{Title: "sysctl " + img.s.Name, Text: fmt.Sprintf("was %q, is %q (%v)", img.old, now, err)}
}

// verifySysctls compares what was ensured with what is there, also what was so
// already: others may have changed it along with theirs.
func (p *Plan) verifySysctls(sys Sysctls) error {
	for _, op := range p.ensured {
		s := op.Sysctl
		now, err := sys.Read(s.Path)
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist) && p.without(s.Path):
			continue
		case err == nil && !sameValue(now, s.Value):
			err = fmt.Errorf("the kernel holds %q, not %q as written", strings.TrimSpace(now), s.Value)
		}
		if err != nil {
			return &OpError{op, "", err}
		}
	}
	return nil
}

// without reports whether the device that a sysctl is of has gone with the plan, or got
// another name.
func (p *Plan) without(path string) bool {
	parts := strings.Split(path, "/")
	return len(parts) == 5 && p.st.Known(parts[3]) == nil
}
