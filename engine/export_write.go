package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
)

// write prints the lines as one commit.
func (x *exporter) write(w io.Writer) error {
	for _, n := range x.notes {
		if _, err := io.WriteString(w, "# "+n+"\n"); err != nil {
			return err
		}
	}
	if len(x.lines) == 0 {
		return nil
	}
	open, end := "commit(\n", ")\n"
	if len(x.lines) > maxArgs {
		open, end = "commit([\n", "])\n"
	}
	if _, err := io.WriteString(w, open); err != nil {
		return err
	}
	p := builtins.Printer{Names: x.st.Names, Ensure: true}
	var b bytes.Buffer
	for i := range x.lines {
		l := &x.lines[i]
		b.Reset()
		p.Flags = l.flags
		if l.text != "" {
			b.WriteString(l.text + ",")
		} else if err := p.Message(&b, l.object, l.object.New, unix.NLM_F_REQUEST|unix.NLM_F_ACK, l.set); err != nil {
			fmt.Fprintf(&b, "# not written (%v): %s %s", err, l.object.Name, strings.ReplaceAll(l.set.Text(x.st.Names), "\n", " "))
		} else {
			if l.absent {
				src := b.String()
				b.Reset()
				fmt.Fprintf(&b, "absent(%s)", src)
			}
			b.WriteByte(',')
		}
		text := b.String()
		if l.out {
			text = "# " + strings.ReplaceAll(text, "\n", "\n# ")
		}
		if l.note != "" {
			text = "# " + l.note + "\n" + text
		}
		if _, err := io.WriteString(w, "    "+strings.ReplaceAll(text, "\n", "\n    ")+"\n"); err != nil {
			return err
		}
		if i&1023 == 0 && x.ctx.Err() != nil {
			return context.Cause(x.ctx)
		}
	}
	_, err := io.WriteString(w, end)
	return err
}

// maxArgs is how many arguments a call in Starlark takes.
const maxArgs = 255
