package wire

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// How a dump is laid out: the column of annotations, and bytes a line.
const (
	noteColumn = 66
	lineBytes  = 16
)

// Dump writes a message as golden files hold it: offset, bytes, annotation. One
// line a struct or attribute, and further ones for what is over 16 bytes; what is
// inside a nest is indented.
//
//	0030  30 00 12 80                                                 # linkinfo:
//	0034    0a 00 01 00 76 78 6c 61 6e 00 00 00                       #   kind vxlan
//
// Every byte is there, whatever msg holds. A relocation is written {name}
// instead of its 4 bytes. ParseDump reads it all back. The error is that of w,
// or says that rel does not fit msg.
func (o *Object) Dump(w io.Writer, msg []byte, rel []Reloc, names Names) error {
	d := dump{rel: rel, msg: msg, out: make([]byte, 0, 8*len(msg)+256)}
	end := uint64(0)
	for _, r := range rel {
		if uint64(r.Off) < end || uint64(r.Off)+4 > uint64(len(msg)) {
			return fmt.Errorf("relocation of %q at %#x is out of place", r.Name, r.Off)
		}
		end = uint64(r.Off) + 4
	}
	i := uint32(0)
	numbered := Link(msg, rel, func(string) uint32 { i++; return unlinked + i - 1 })
	o.walk(numbered, func(n uint32) string {
		switch {
		case n >= unlinked && n-unlinked < uint32(len(rel)):
			_, name := Referred(rel[n-unlinked].Name)
			return name
		case names != nil:
			return names(n)
		}
		return ""
	}, d.node)
	if d.err != nil {
		return d.err
	}
	_, err := w.Write(d.out)
	return err
}

const hexDigits = "0123456789abcdef"

type dump struct {
	out []byte
	msg []byte
	rel []Reloc // not yet written
	err error
}

// node writes the lines of a node's own bytes.
func (d *dump) node(x *node) {
	note := x.text
	for off := x.off; off < x.own; note = "" {
		off = d.line(off, x.own, x.depth, note)
	}
}

// line writes one line, and returns where the next begins.
func (d *dump) line(off, end, depth int, note string) int {
	start := len(d.out)
	d.out = fmt.Appendf(d.out, "%04x ", off)
	d.out = append(d.out, strings.Repeat("  ", depth)...)
	for n := 0; off < end; {
		if len(d.rel) > 0 && int(d.rel[0].Off) == off {
			switch {
			case off+4 > end:
				d.err = fmt.Errorf("relocation of %q at %#x is across attributes", d.rel[0].Name, off)
			case n+4 <= lineBytes:
				d.out = append(append(d.out, ' '), relocText(d.rel[0].Name)...)
				d.rel = d.rel[1:]
				n, off = n+4, off+4
				continue
			}
			if n > 0 {
				break
			}
		}
		if n == lineBytes {
			break
		}
		c := d.msg[off]
		d.out = append(d.out, ' ', hexDigits[c>>4], hexDigits[c&15])
		n, off = n+1, off+1
	}
	if note != "" {
		pad := max(noteColumn-(len(d.out)-start), 2)
		d.out = append(d.out, strings.Repeat(" ", pad)...)
		d.out = append(d.out, '#', ' ')
		d.out = append(d.out, strings.Repeat("  ", depth)...)
		d.out = append(d.out, oneLine(note)...)
	}
	d.out = append(d.out, '\n')
	return off
}

// relocText is a relocation in a dump; a name that could be misread is quoted.
func relocText(name string) string {
	for _, r := range name {
		if r <= ' ' || r > '~' || r == '"' || r == '{' || r == '}' || r == '#' {
			return "{" + strconv.Quote(name) + "}"
		}
	}
	if name == "" {
		return `{""}`
	}
	return "{" + name + "}"
}

// oneLine keeps control characters out of an annotation.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
