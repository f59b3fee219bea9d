package builtins

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/golden"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Decoded is one message that was read from text, and what it is about.
type Decoded struct {
	Object *wire.Object // one without rows when no object is known
	Msg    []byte
	Rel    []wire.Reloc

	// Of golden files: what stands between the messages, Msg being nil.
	Sysctl *Sysctl
	Wait   *Wait
	Check  *NotedCheck // of the commit; it is no op
	NetNS  bool        // the namespace of Place shall be there
	Place  *Place      // network namespace it is in
}

// Decode reads messages from text: hexadecimal, one or more whole messages a
// line, the annotated dumps of wire.Object.Dump, or a golden file.
func Decode(text string) ([]Decoded, error) {
	dumped, err := wire.ParseDump(text)
	if err != nil {
		return nil, err
	}
	if isGolden(text) {
		_, entries, err := golden.Parse(text)
		if err != nil {
			return nil, err
		}
		return fromGolden(entries)
	}
	var l []Decoded
	for _, d := range dumped {
		if l, err = appendDecoded(l, d.Msg, d.Rel); err != nil {
			return nil, &wire.TextError{Line: d.Line, What: err.Error()}
		}
	}
	return l, nil
}

// isGolden reports whether a text holds what only golden files do.
func isGolden(text string) bool { return strings.HasPrefix(text, ">") || strings.Contains(text, "\n>") }

func fromGolden(entries []golden.Entry) (l []Decoded, err error) {
	for _, e := range entries {
		begin := len(l)
		if l, err = fromEntry(l, e); err != nil {
			return nil, err
		}
		if e.NetNS != "" {
			place := parsePlace(e.NetNS)
			for i := range l[begin:] {
				l[begin+i].Place = place
			}
		}
	}
	return l, nil
}

func fromEntry(l []Decoded, e golden.Entry) (_ []Decoded, err error) {
	text := strings.TrimSuffix(e.Text, "\n")
	if e.Msg != nil {
		l, err = appendDecoded(l, e.Msg, e.Rel)
	} else {
		var d Decoded
		if d, err = decodeLine(text); err == nil {
			return append(l, d), nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Summary, err)
	}
	return l, nil
}

// decodeLine reads what stands between the messages.
func decodeLine(text string) (Decoded, error) {
	if d, ok, err := decodeOther(text); ok || err != nil {
		return d, err
	}
	name, value, ok := strings.Cut(text, " = ")
	if !ok {
		return Decoded{}, fmt.Errorf("%q is neither a message nor a sysctl", text)
	}
	ctl, err := parseSysctl(name)
	if err != nil {
		return Decoded{}, err
	}
	ctl.Value = value
	return Decoded{Sysctl: ctl}, nil
}

// appendDecoded adds each message of b, which rel belongs to.
func appendDecoded(l []Decoded, b []byte, rel []wire.Reloc) ([]Decoded, error) {
	for m, err := range wire.Messages(b) {
		if err != nil {
			return nil, err
		}
		d := Decoded{Object: objectFor(m), Msg: m.Bytes}
		for _, r := range rel {
			if off := int(r.Off) - m.Off; off >= 0 && off < len(m.Bytes) {
				d.Rel = append(d.Rel, wire.Reloc{Off: uint32(off), Name: r.Name})
			}
		}
		l = append(l, d)
	}
	return l, nil
}

// objectFor returns the object that a message is about. Reserved messages, such
// as the end of a dump, are about none.
func objectFor(m wire.Message) *wire.Object {
	if len(m.Data) > 0 {
		if o := rtnl.ByType(m.Type, m.Data); o != nil {
			return o
		}
	}
	o := &wire.Object{Name: "message", Table: &wire.Table{Name: "message", Fixed: min(rtnl.HeaderLen(m.Type), len(m.Data))}}
	if o.Table.Fixed > 0 {
		o.Table.Fields = []wire.Field{{Name: "header", Kind: wire.Bytes, At: &wire.Place{}, Doc: "the fixed header"}}
	}
	return o
}

// request reports whether the message asks the kernel for something; what it
// reports does not.
func (d *Decoded) request() bool {
	_, flags := wire.TypeFlags(d.Msg)
	return flags&unix.NLM_F_REQUEST != 0
}

// set returns the fields of the message, devices by name where they are known.
func (d *Decoded) set() (*wire.Set, error) {
	s := wire.NewSet(d.Object.Table)
	if !d.request() && len(d.Rel) == 0 {
		return s, d.Object.Table.DecodeState(d.Msg[wire.HeaderLen:], s)
	}
	return s, d.Object.Decode(d.Msg, d.Rel, s)
}

// Text writes the message as golden files hold it.
func (d *Decoded) Text(w io.Writer, names wire.Names) error {
	if d.Place != nil && !d.NetNS {
		if _, err := fmt.Fprintf(w, "# netns %s\n", d.Place); err != nil {
			return err
		}
	}
	if s := d.other(); s != "" {
		_, err := fmt.Fprintf(w, "> %s\n", s)
		return err
	}
	if d.Sysctl != nil {
		_, err := fmt.Fprintf(w, "> %s = %s\n", d.Sysctl.Name, d.Sysctl.Value)
		return err
	}
	return d.Object.Dump(w, d.Msg, d.Rel, names)
}

// JSON is the message as encoding/json can write it: names and values.
func (d *Decoded) JSON(names wire.Names) (map[string]any, error) {
	m, err := d.json(names)
	if err == nil && d.Place != nil {
		m["netns"] = d.Place.String()
	}
	return m, err
}

func (d *Decoded) json(names wire.Names) (map[string]any, error) {
	if s := d.other(); s != "" {
		carrier, text, _ := strings.Cut(s, " ")
		return map[string]any{"carrier": carrier, carrier: text}, nil
	}
	if d.Sysctl != nil {
		return map[string]any{"carrier": "sysctl", "sysctl": d.Sysctl.Name, "value": d.Sysctl.Value}, nil
	}
	typ, flags := wire.TypeFlags(d.Msg)
	set, err := d.set()
	if err != nil {
		return nil, err
	}
	flagNames := d.Object.FlagNames(typ, flags)
	for i := range flagNames {
		flagNames[i] = strings.ToUpper(flagNames[i])
	}
	m := map[string]any{"carrier": "route", "type": rtnl.TypeName(typ), "flags": flagNames, "object": d.Object.Name,
		"attrs": set.JSON(names), "hex": hex.EncodeToString(d.Msg)}
	if v, ok := verbOf(d.Object, typ, flags); ok {
		m["verb"] = v.Name
	}
	return m, nil
}

// maxArgs is how many arguments a call in Starlark takes.
const maxArgs = 255

// Script writes the script that sends the messages, in one commit. What the
// kernel reports becomes the op that ensures it.
func (p *Printer) Script(w io.Writer, messages []Decoded) error {
	messages, checks := apart(messages)
	open, end := "commit(\n", ")\n"
	if len(messages) > maxArgs {
		open, end = "commit([\n", "])\n"
	}
	var b bytes.Buffer
	for i := range messages {
		b.Reset()
		if err := p.placed(&b, &messages[i]); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		if i == 0 {
			io.WriteString(w, open)
		}
		src := strings.ReplaceAll(b.String(), "\n", "\n"+strings.Repeat(" ", indentWidth))
		if _, err := fmt.Fprintf(w, "%*s%s,\n", indentWidth, "", src); err != nil {
			return err
		}
	}
	if len(messages) == 0 && checks == "" {
		return nil
	}
	if len(messages) == 0 {
		io.WriteString(w, open)
	}
	if checks != "" {
		end = strings.Repeat(" ", indentWidth) + checks + ",\n)\n"
		if open == "commit([\n" {
			end = "], " + checks + ")\n"
		}
	}
	_, err := io.WriteString(w, end)
	return err
}

// placed writes one message as an op, in its namespace.
func (p *Printer) placed(b *bytes.Buffer, d *Decoded) error {
	if err := p.decoded(b, d); err != nil || d.Place == nil || d.NetNS {
		return err
	}
	src := b.String()
	indent := ""
	if strings.Contains(src, "\n") {
		indent = strings.Repeat(" ", indentWidth)
	}
	n := d.Place.call(node{text: strings.ReplaceAll(src, "\n", "\n"+indent)})
	b.Reset()
	b.WriteString(render(n, 0))
	return nil
}

// decoded writes one message as an op.
func (p *Printer) decoded(w io.Writer, d *Decoded) error {
	switch {
	case d.NetNS:
		_, err := io.WriteString(w, render(d.Place.call(), 0))
		return err
	case d.Wait != nil:
		_, err := io.WriteString(w, render(d.Wait.node(), 0))
		return err
	case d.Sysctl != nil:
		src, err := (&Op{Sysctl: d.Sysctl}).Source(nil)
		if err == nil {
			_, err = io.WriteString(w, src)
		}
		return err
	case d.Object.New == 0:
		return p.Raw(w, d.Object.Table.Fixed, d.Msg)
	}
	set, err := d.set()
	if err != nil {
		return err
	}
	ownIndex(d.Object, set)
	q := *p
	q.Ensure = p.Ensure || !d.request()
	typ, flags := wire.TypeFlags(d.Msg)
	return q.Message(w, d.Object, typ, flags, set)
}

// ownIndex takes the index away that was assigned to a new link because others
// refer to it by name, and that of its peer: the planner assigns them again.
func ownIndex(o *wire.Object, set *wire.Set) {
	if o.By == "" {
		return
	}
	name, _ := set.Get(o.Subject)
	if by, _ := set.Get(o.By); isOwn(by, name.S) {
		set.Del(o.By)
	}
	kind, ok := set.Get("kind")
	if !ok || kind.Sub.Table.Row("peer") == nil {
		return
	}
	peer, _ := kind.Sub.Get("peer")
	if peer.Sub == nil {
		return
	}
	by, _ := peer.Sub.Get(o.By)
	if name, _ := peer.Sub.Get(o.Subject); isOwn(by, name.S) {
		peer.Sub.Del(o.By)
	}
}

// isOwn reports whether an index is that of the link itself, made here or in
// another namespace, or named by a pattern.
func isOwn(index wire.Value, name string) bool {
	what, _ := wire.Referred(index.S)
	return index.Type == wire.Name && (index.S == name || what == "link" || strings.Contains(index.S, "%"))
}
