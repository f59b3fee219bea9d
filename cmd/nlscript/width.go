package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// terminalWidth is how many characters fit a line of w; 0 when it is no terminal.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// fit takes the places of a plan as far to the left as a narrow terminal asks.
func fit(text string, width int) string {
	if width == 0 {
		return text
	}
	place := regexp.MustCompile(`^(.*\S) {2,}(\S+:\d+)$`)
	var b strings.Builder
	for l := range strings.Lines(text) {
		if m := place.FindStringSubmatch(strings.TrimSuffix(l, "\n")); m != nil && utf8.RuneCountInString(l) > width {
			gap := width - utf8.RuneCountInString(m[1]) - utf8.RuneCountInString(m[2])
			l = m[1] + strings.Repeat(" ", max(2, gap)) + m[2] + "\n"
		}
		b.WriteString(l)
	}
	return b.String()
}
