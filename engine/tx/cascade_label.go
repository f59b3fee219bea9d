package tx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A link that gets another name gives its IPv4 addresses other labels: the first has the
// name for one, which is none, and each of the others the name with what the old label had
// from a colon on, or with its number (inetdev_changename).

// relabels plans what becomes of the labels when a link that was called old has got its
// name. Addresses that stays wants keep the label that they have, and with all those that
// have none: they are made again, as no message changes a label, and those behind them, for
// the order.
func (p *planner) relabels(op *builtins.Op, old string, e *state.Entry, c *Change, all bool, stays func(*state.Entry) bool) error {
	if old == e.Name() {
		return nil
	}
	var again, back []*state.Entry // what is made again, as it is and as it shall be
	for i, x := range p.inKernel(e.Index()) {
		was, _ := x.Set().Get("label")
		is := relabelled(was.S, e.Name(), i+1)
		now := p.st.Change(x, labelled(x, is))
		keeps := stays(x) || all && was.S == ""
		switch {
		case x.Foreign():
		case keeps && is != was.S || len(again) > 0:
			again = append(again, now)
			if back = append(back, now); keeps {
				back[len(back)-1] = state.EntryOf(rtnl.Addr, x.Set())
			}
		case is != was.S:
			c.Notes = append(c.Notes, fmt.Sprintf("%s: the kernel makes its label %s", titleOf(rtnl.Addr, now.Set(), p.st.Names), cmp.Or(is, "none")))
		}
	}
	if len(again) == 0 {
		return nil
	}
	p.mild = true // a name that is refused takes no address away
	was := len(c.With)
	for _, x := range slices.Backward(again) { // so none takes others of its network along
		if err := p.remove(op, x, c); err != nil {
			return err
		}
	}
	made := &Change{With: append(back, c.With[was:]...)}
	if err := p.putBack(op, made); err != nil {
		return err
	}
	c.With, c.Back = append(c.With[:was], made.With...), append(c.Back, made.Back...)
	return nil
}

// relabelled is what a label becomes, "" none: that of the address with this number when a
// link gets a name.
func relabelled(label, name string, number int) string {
	if number == 1 {
		return ""
	}
	suffix := fmt.Sprintf(":%d", number)
	if i := strings.IndexByte(label, ':'); i >= 0 {
		suffix = label[i:]
	}
	return name[:min(len(name), unix.IFNAMSIZ-1-len(suffix))] + suffix
}

// labelled is an address with another label.
func labelled(e *state.Entry, label string) *wire.Set {
	s := e.Set().Clone()
	if s.Del("label"); label != "" {
		s.PutName("label", wire.StrVal(label))
	}
	return s
}

// inKernel are the IPv4 addresses of a device as the kernel lists them: those that are the
// first of their network, the ones of a greater scope behind others, then the rest
// (__inet_insert_ifa).
func (p *planner) inKernel(dev uint32) []*state.Entry {
	var first, rest []*state.Entry
	for _, e := range p.onDevice(dev) {
		if slices.ContainsFunc(first, func(x *state.Entry) bool { return network(x) == network(e) }) {
			rest = append(rest, e)
			continue
		}
		at := len(first)
		for at > 0 && first[at-1].Set().Uint("scope") < e.Set().Uint("scope") {
			at--
		}
		first = slices.Insert(first, at, e)
	}
	return append(first, rest...)
}
