package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A painter colours the lines of a plan, or leaves them alone.
type painter bool

// colours reports whether what goes to w may be coloured.
func colours(w io.Writer) painter {
	return painter(terminal(w) && os.Getenv("NO_COLOR") == "")
}

// terminal reports whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

const (
	red     = "\x1b[31m"
	green   = "\x1b[32m"
	yellow  = "\x1b[33m"
	magenta = "\x1b[35m"
	plain   = "\x1b[0m"
)

// plan colours each line by the mark it begins with.
func (p painter) plan(text string) string {
	if !p {
		return text
	}
	var b strings.Builder
	for l := range strings.Lines(text) {
		colour := ""
		if t := strings.TrimLeft(l, " "); len(t) > 1 && t[1] == ' ' && len(t) < len(l) {
			colour = map[byte]string{'+': green, '~': yellow, '-': red, '!': magenta}[t[0]]
		}
		if colour == "" {
			b.WriteString(l)
			continue
		}
		b.WriteString(colour + strings.TrimSuffix(l, "\n") + plain + "\n")
	}
	return b.String()
}

// failure colours the word error, or conflict.
func (p painter) failure(text string) string {
	if !p {
		return text
	}
	if rest, ok := strings.CutPrefix(text, "conflict:"); ok {
		return red + "conflict:" + plain + rest
	}
	return strings.Replace(text, "error:", red+"error:"+plain, 1)
}
