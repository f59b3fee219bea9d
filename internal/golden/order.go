package golden

import (
	"encoding/hex"
	"regexp"
	"strings"
	"sync"
)

// inOrderOf returns want, the golden file of a little-endian machine, with the
// bytes that got has in their place wherever these are the same in the order of
// a big-endian machine. What is left to differ is a difference.
//
// Offset, annotation, relocations and count must be the same, headers of
// attributes swapped, and payloads made of the same integers: which of those are
// swapped, and which are big-endian everywhere, only a row could say, and the
// decoder, which reads the bytes by the row, has said it in the annotation.
func inOrderOf(got, want string) string {
	gots, wants := strings.SplitAfter(got, "\n\n"), strings.SplitAfter(want, "\n\n")
	next := 0 // in gots
	for i, w := range wants {
		for j := next; j < min(next+ahead, len(gots)); j++ {
			if x := entryInOrderOf(gots[j], w); j == next || x == gots[j] {
				wants[i] = x
			}
			if wants[i] == gots[j] {
				next = j + 1
				break
			}
		}
	}
	return strings.Join(wants, "")
}

// ahead is how many entries may be new in a row before the rest is shown in the
// order it was written.
const ahead = 8

// entryInOrderOf is inOrderOf for one entry of a file.
func entryInOrderOf(got, want string) string {
	gots, wants := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	if len(gots) != len(wants) {
		return want
	}
	for i := 0; i < len(wants); {
		// A line without annotation continues the struct or attribute before it.
		n := 1
		for i+n < len(wants) && isBytes(wants[i+n]) && !strings.Contains(wants[i+n], "# ") {
			n++
		}
		if same(strings.Join(gots[i:i+n], ""), strings.Join(wants[i:i+n], "")) {
			copy(wants[i:i+n], gots[i:i+n])
		}
		i += n
	}
	return strings.Join(wants, "")
}

// Compiled when first used: the command that has no business here starts faster.
var (
	lineOffset = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^[0-9a-f]{4,} +`) })
	lineNote   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m) +# .*$`) })
	lineReloc  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{("([^"\\]|\\.)*"|[^}"]*)\}`) })
)

func isBytes(line string) bool { return lineOffset().MatchString(line) }

// same reports whether the lines of a struct or attribute are the same but for
// the order of bytes.
func same(be, le string) bool {
	if !isBytes(be) || !isBytes(le) || kept(be) != kept(le) {
		return false
	}
	b, l := pieces(be), pieces(le)
	if len(b) != len(l) {
		return false
	}
	for i := range b {
		x, err := hex.DecodeString(b[i])
		y, err2 := hex.DecodeString(l[i])
		if err != nil || err2 != nil || !swapped(x, y) {
			return false
		}
	}
	return true
}

// kept is all of the lines that no byte order changes: offsets, relocations,
// annotations.
func kept(lines string) string {
	var all []string
	for _, x := range []*regexp.Regexp{lineOffset(), lineReloc(), lineNote()} {
		all = append(all, x.FindAllString(lines, -1)...)
	}
	return strings.Join(all, "\n")
}

// pieces are the bytes between relocations, in hexadecimal.
func pieces(lines string) []string {
	lines = lineOffset().ReplaceAllString(lines, "")
	lines = lineReloc().ReplaceAllString(lines, "|") // one may hold what looks like an annotation
	lines = lineNote().ReplaceAllString(lines, "")
	return strings.Split(strings.Join(strings.Fields(lines), ""), "|")
}

// swapped reports whether b is l with some integers of 2, 4 or 8 bytes in the
// other order.
func swapped(b, l []byte) bool {
	if len(b) != len(l) {
		return false
	}
	ok := make([]bool, len(l)+1) // the first i bytes are
	ok[0] = true
	for i := range l {
		if !ok[i] {
			continue
		}
		ok[i+1] = ok[i+1] || b[i] == l[i]
		for n := 2; n <= 8 && i+n <= len(l); n *= 2 {
			ok[i+n] = ok[i+n] || reversed(b[i:i+n], l[i:i+n])
		}
	}
	return ok[len(l)]
}

func reversed(b, l []byte) bool {
	for i := range b {
		if b[i] != l[len(l)-1-i] {
			return false
		}
	}
	return true
}
