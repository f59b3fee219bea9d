package builtins

import (
	"fmt"
	"strings"
	"time"

	"go.starlark.net/starlark"
)

// Waits and checks in golden files, which stand between the messages.

// A NotedCheck is a check of a commit as a golden file has it.
type NotedCheck struct {
	*Check
	Within time.Duration // of its commit; 0: not written
}

// NoteCheck is the line of a golden file, or of a plan, for a check of a commit.
func NoteCheck(c *Check, within time.Duration) string {
	s := "check " + c.Text()
	if within != 0 {
		s += " within " + timeText(within)
	}
	return s
}

// decodeOther reads a line that NoteCheck or Wait.Text wrote; false: it is another.
func decodeOther(s string) (d Decoded, ok bool, err error) {
	switch head, rest, _ := strings.Cut(s, " "); head {
	case "netns":
		return Decoded{NetNS: true, Place: parsePlace(rest)}, true, nil
	case "wait":
		d.Wait, err = parseWait(s)
		return d, true, err
	case "check":
		d.Check, err = parseCheck(rest)
		return d, true, err
	}
	return d, false, nil
}

// other is the line of what decodeOther read.
func (d *Decoded) other() string {
	switch {
	case d.NetNS:
		return "netns " + d.Place.String()
	case d.Wait != nil:
		return d.Wait.Text()
	case d.Check != nil:
		return NoteCheck(d.Check.Check, d.Check.Within)
	}
	return ""
}

// parseCheck reads what follows "check" in a line of NoteCheck.
func parseCheck(s string) (*NotedCheck, error) {
	what, in, _ := strings.Cut(s, " "+placeWord+" ")
	if i := strings.LastIndex(in, " within "); i >= 0 {
		what, in = what+in[i:], in[:i]
	}
	words := strings.Fields(what)
	if len(words) < 2 {
		return nil, fmt.Errorf("%q is no check", s)
	}
	n := &NotedCheck{Check: &Check{Kind: CheckKind(words[0])}}
	given := map[string]string{}
	for i := 2; i+1 < len(words); i += 2 {
		given[words[i]] = words[i+1]
	}
	if len(words)%2 != 0 {
		return nil, fmt.Errorf("%q is no check", s)
	}
	if within, ok := given["within"]; ok {
		delete(given, "within")
		if err := durationInto(&n.Within)(starlark.String(within)); err != nil {
			return nil, fmt.Errorf("%q: %w", s, err)
		}
	}
	if in != "" {
		n.In = parsePlace(in)
	}
	var kwargs []starlark.Tuple
	for _, k := range []string{"via", "dev", "src"} {
		if v, ok := given[k]; ok {
			delete(given, k)
			kwargs = append(kwargs, starlark.Tuple{starlark.String(k), starlark.String(v)})
		}
	}
	known := n.Kind == CheckPing || n.Kind == CheckTCP || n.Kind == CheckRoute || n.Kind == CheckCarrier
	if !known || len(given) > 0 {
		return nil, fmt.Errorf("%q is no check", s)
	}
	if err := n.bind(starlark.Tuple{starlark.String(words[1])}, kwargs); err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	return n, nil
}

// apart takes the checks out of a commit, as the arguments that give them.
func apart(all []Decoded) (ops []Decoded, args string) {
	var checks []string
	var within time.Duration
	for _, d := range all {
		if d.Check == nil {
			ops = append(ops, d)
			continue
		}
		checks = append(checks, d.Check.String())
		within = max(within, d.Check.Within)
	}
	if len(checks) == 0 {
		return all, ""
	}
	args = "checks = [" + strings.Join(checks, ", ") + "]"
	if within != 0 {
		args += ", within = " + quote(timeText(within))
	}
	return ops, args
}
