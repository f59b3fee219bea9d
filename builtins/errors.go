package builtins

import (
	"errors"
	"strings"

	"github.com/nlscript/nlscript/wire"
)

// An ArgError says which argument of a call is wrong. Its text is that of Err;
// Arg and Index let the engine point at the argument (see ArgPos).
type ArgError struct {
	Arg   string // keyword, or "" for a positional argument
	Index int    // which positional argument
	Err   error
}

func (e *ArgError) Error() string { return e.Err.Error() }
func (e *ArgError) Unwrap() error { return e.Err }

// argError puts the row's name before err and says that it is about keyword arg.
func argError(arg string, err error) error {
	return &ArgError{Arg: arg, Err: wire.At(arg, err)}
}

// finishError points an error of Object.Finish at the keyword that it names.
func finishError(err error) error {
	var a *wire.AttrError
	if !errors.As(err, &a) {
		return err
	}
	name, _, _ := strings.Cut(a.Path, ".")
	name, _, _ = strings.Cut(name, "[")
	return &ArgError{Arg: name, Err: err}
}

// nearest returns the candidate that word is most likely a misspelling of, or
// "". Of equally near ones the first of the same length wins.
func nearest(word string, candidates []string) string {
	limit := min(2, max(1, len(word)/2))
	best, score := "", 2*limit+2
	lower := strings.ToLower(word)
	for _, c := range candidates {
		d := distance(lower, strings.ToLower(c), limit)
		if d > limit || c == word {
			continue
		}
		d *= 2
		if len(c) != len(word) {
			d++
		}
		if d < score {
			best, score = c, d
		}
	}
	return best
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours between two words; more than limit is limit+1.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return min(row[len(b)], limit+1)
}

// didYouMean is what an error adds when a word is like one of the candidates.
func didYouMean(word string, candidates []string) string {
	if s := nearest(word, candidates); s != "" {
		return "; did you mean " + s + "?"
	}
	return ""
}
