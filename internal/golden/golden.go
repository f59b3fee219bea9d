// Package golden keeps what a script sends in files that people can review: the
// annotated bytes of every message, in order, and how many there are.
//
//	# testdata/golden/link/bridge.star
//	# commit 1 "lans"
//
//	# link lan1 +
//	0000  3c 00 00 00 10 00 05 06 00 00 00 00 00 00 00 00             # newlink request|ack|excl|create
//	...
//
//	# sysctl net.ipv4.ip_forward ~
//	> net.ipv4.ip_forward = 1
//
//	# 1 message, 1 other
//
// [Render] and [Parse] are the two directions, [Compare] checks or rewrites a
// file. They are what nlscript golden and the tests of this repository share.
package golden

import (
	"fmt"
	"strings"

	"github.com/nlscript/nlscript/wire"
)

// An Entry is one message, or one act of another carrier, in the order sent.
type Entry struct {
	Commit  int    // the commit it belongs to, from 1
	Label   string // of that commit; "" none
	Summary string // one line: "link lan1 +"
	NetNS   string // network namespace it is in; "" the one the script works in

	// A message: its bytes, with seq and pid 0, and where devices belong.
	Object *wire.Object // nil: only bytes are known; Parse leaves it nil
	Msg    []byte
	Rel    []wire.Reloc

	// What another carrier does, when Msg is nil. Lines that end alike.
	Text string
}

// netnsHead begins the line that names the namespace of an entry.
const netnsHead = "netns "

// Render writes the golden file of a script.
func Render(script string, entries []Entry) (string, error) {
	var w strings.Builder
	fmt.Fprintf(&w, "# %s\n", oneLine(script))
	commit, messages, others := 0, 0, 0
	for i, e := range entries {
		if e.Commit < 1 || e.Commit < commit {
			return "", fmt.Errorf("entry %d: commit %d after commit %d", i, e.Commit, commit)
		}
		if e.Commit != commit {
			if commit > 0 {
				w.WriteByte('\n')
			}
			commit = e.Commit
			fmt.Fprintf(&w, "# commit %d", commit)
			if e.Label != "" {
				fmt.Fprintf(&w, " %q", e.Label)
			}
			w.WriteByte('\n')
		}
		fmt.Fprintf(&w, "\n# %s\n", oneLine(e.Summary))
		if e.NetNS != "" {
			fmt.Fprintf(&w, "# %s%s\n", netnsHead, oneLine(e.NetNS))
		}
		if e.Msg == nil {
			others++
			for line := range strings.Lines(e.Text) {
				fmt.Fprintf(&w, "> %s\n", oneLine(strings.TrimSuffix(line, "\n")))
			}
			continue
		}
		messages++
		o := e.Object
		if o == nil {
			o = &wire.Object{Name: "message", Table: new(wire.Table)}
		}
		if err := o.Dump(&w, e.Msg, e.Rel, nil); err != nil {
			return "", fmt.Errorf("%s: %w", e.Summary, err)
		}
	}
	fmt.Fprintf(&w, "\n# %s\n", count(messages, others))
	return w.String(), nil
}

// count is the last line of a file: nothing can be missing unnoticed.
func count(messages, others int) string {
	s := fmt.Sprintf("%d messages", messages)
	if messages == 1 {
		s = "1 message"
	}
	if others > 0 {
		s += fmt.Sprintf(", %d other", others)
	}
	return s
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
