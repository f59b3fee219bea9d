package builtins

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Printer writes messages as the script that would send them: decode --star,
// export, and an op's own text.
type Printer struct {
	Names wire.Names // devices by name; nil: as they are in the set

	// Ensure writes route(...) instead of the verb with the message's flags, and
	// leaves out what the kernel only reports: for objects that were read. The
	// source then means the same object (Object.Canon), not the same bytes.
	Ensure bool
	Flags  OpFlags // of an Ensure: what is asked beside the message
}

// flags adds the keywords that stand for flags.
func (n *node) flags(f OpFlags) {
	for _, x := range []struct {
		flag OpFlags
		word string
	}{{Recreate, recreateWord}, {Appended, appendWord}} {
		if f&x.flag != 0 {
			n.kids = append(n.kids, node{text: x.word + " = True"})
		}
	}
}

// errInexpressible says that no constructor makes this message.
var errInexpressible = errors.New("no constructor makes this message")

// Message writes a message of an object, given as its set. What no constructor
// makes is written as message(...), so that the source always makes these bytes.
func (p *Printer) Message(w io.Writer, obj *wire.Object, typ, flags uint16, set *wire.Set) error {
	n, err := p.node(obj, typ, flags, set)
	if err != nil {
		var b wire.Builder
		if err := obj.Append(&b, typ, flags, set); err != nil {
			return err
		}
		msg, rel, err := b.Last()
		if err != nil {
			return err
		}
		if len(rel) > 0 {
			return fmt.Errorf("%s: %w, and message() knows no names of devices", obj.Name, errInexpressible)
		}
		return p.Raw(w, obj.Table.Fixed, msg)
	}
	if p.Ensure {
		n.flags(p.Flags)
	}
	_, err = io.WriteString(w, render(n, 0))
	return err
}

// Raw writes any message as message(...), its fixed header having so many bytes.
func (p *Printer) Raw(w io.Writer, header int, msg []byte) error {
	n, err := rawMessage(header, msg)
	if err == nil {
		_, err = io.WriteString(w, render(n, 0))
	}
	return err
}

func rawMessage(header int, msg []byte) (node, error) {
	for m, err := range wire.Messages(msg) {
		if err != nil {
			return node{}, err
		}
		n := node{open: "message(", close: ")", kids: []node{{text: fmt.Sprint(m.Type)}}}
		if m.Flags != unix.NLM_F_REQUEST|unix.NLM_F_ACK {
			n.kids = append(n.kids, node{key: "flags = ", text: fmt.Sprintf("%#x", m.Flags)})
		}
		header = min(header, len(m.Data))
		if header > 0 {
			n.kids = append(n.kids, node{key: "header = ", text: quote(hexText(m.Data[:header]))})
		}
		attrs := node{key: "attrs = ", open: "[", close: "]"}
		for a, err := range wire.Attrs(m.Data[min((header+3)&^3, len(m.Data)):]) {
			if err != nil {
				return node{}, err
			}
			attrs.kids = append(attrs.kids, rawNode(&wire.Raw{Type: a.Type | a.Flags, Data: a.Data}, 0))
		}
		if len(attrs.kids) > 0 {
			n.kids = append(n.kids, attrs)
		}
		return n, nil
	}
	return node{}, errors.New("no message")
}

// verbOf returns the verb that sends these flags.
func verbOf(obj *wire.Object, typ, flags uint16) (*wire.Verb, bool) {
	const always = unix.NLM_F_REQUEST | unix.NLM_F_ACK
	for i := range obj.Verbs {
		if v := &obj.Verbs[i]; v.Type == typ && v.Flags|always == flags {
			return v, true
		}
	}
	return nil, false
}

// node is the call that makes a message, with the verb of its flags.
func (p *Printer) node(obj *wire.Object, typ, flags uint16, full *wire.Set) (node, error) {
	if p.Ensure {
		full = full.Clone()
		rtnl.Unlabelled(obj, full, p.Names)
		return p.call(obj, nil, true, full)
	}
	v, ok := verbOf(obj, typ, flags)
	if !ok {
		return node{}, errInexpressible
	}
	return p.call(obj, v, false, full)
}

// call is route(...), or with a verb route.add(...).
func (p *Printer) call(obj *wire.Object, verb *wire.Verb, loose bool, full *wire.Set) (node, error) {
	set, err := written(obj, verb, loose, full)
	if err != nil {
		return node{}, err
	}
	c := constructor{obj: obj, verb: verb}
	n := node{open: c.called() + "(", close: ")"}
	outer{p.Names}.arguments(&n, set, c.subject())
	return n, nil
}

// Source is the op as a script would write it.
func (op *Op) Source(names wire.Names) (string, error) {
	n, err := op.node(names)
	if err != nil {
		return "", err
	}
	if op.Absent {
		n = node{open: "absent(", close: ")", kids: []node{n}}
	}
	switch {
	case op.NetNS:
		n = op.Place.call()
	case op.Place != nil:
		n = op.Place.call(n)
	}
	return render(n, 0), nil
}

func (op *Op) node(names wire.Names) (node, error) {
	switch {
	case op.Wait != nil:
		return op.Wait.node(), nil
	case op.Cutover != nil:
		return op.Cutover.node(names)
	}
	if op.NetNS {
		return node{}, nil // its place says all
	}
	if op.Sysctl != nil {
		return node{open: "sysctl(", close: ")", kids: []node{{text: quote(op.Sysctl.Name)}, {text: quote(op.Sysctl.Value)}}}, nil
	}
	if op.Exact != nil {
		return op.Exact.node(op.Object, names)
	}
	if op.Object.New == 0 {
		return rawMessage(op.Object.Table.Fixed, op.Msg)
	}
	var set wire.Set
	if err := op.Set(&set); err != nil {
		return node{}, err
	}
	p := Printer{Names: names}
	n, err := p.call(op.Object, op.Verb, false, &set)
	if err != nil && op.Verb == nil {
		n, err = p.call(op.Object, nil, true, &set)
	}
	switch {
	case err != nil && len(op.Rel) == 0:
		return rawMessage(op.Object.Table.Fixed, op.Msg)
	case err != nil:
		// message() knows no names of devices: the rows as they are.
		c := constructor{obj: op.Object, verb: op.Verb}
		n, err = node{open: c.called() + "(", close: ")"}, nil
		outer{names}.arguments(&n, &set, c.subject())
	}
	n.flags(op.Flags)
	return n, err
}
