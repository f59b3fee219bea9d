package builtins

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"go.starlark.net/starlark"
)

// A Wait is an op that sends nothing: what comes behind it is sent when it holds.
type Wait struct {
	Kind   WaitKind
	Addr   netip.Addr    // dad: of this address; invalid: of all
	Dev    string        // carrier
	Within time.Duration // as written; 0: what Limit says
}

// A WaitKind is the name of a wait below the namespace wait.
type WaitKind string

const (
	WaitDAD     WaitKind = "dad"
	WaitCarrier WaitKind = "carrier"
)

// Limit is how long to wait. Duplicate address detection takes about two seconds.
func (w *Wait) Limit() time.Duration {
	switch {
	case w.Within != 0:
		return w.Within
	case w.Kind == WaitDAD:
		return 10 * time.Second
	}
	return 5 * time.Second
}

// Text is the wait as golden files and plans have it: "wait carrier eth0 within 20s".
func (w *Wait) Text() string {
	s := "wait " + string(w.Kind)
	switch {
	case w.Dev != "":
		s += " " + w.Dev
	case w.Addr.IsValid():
		s += " " + w.Addr.String()
	}
	if w.Within != 0 {
		s += " within " + timeText(w.Within)
	}
	return s
}

// parseWait reads what Text wrote.
func parseWait(s string) (*Wait, error) {
	words := strings.Fields(s)
	bad := fmt.Errorf("%q is no wait", s)
	if len(words) < 2 || words[0] != "wait" {
		return nil, bad
	}
	w := &Wait{Kind: WaitKind(words[1])}
	words = words[2:]
	if n := len(words); n >= 2 && words[n-2] == "within" {
		if err := durationInto(&w.Within)(starlark.String(words[n-1])); err != nil {
			return nil, fmt.Errorf("%q: %w", s, err)
		}
		words = words[:n-2]
	}
	var err error
	switch {
	case w.Kind == WaitDAD && len(words) == 0:
	case w.Kind == WaitDAD && len(words) == 1:
		w.Addr, err = netip.ParseAddr(words[0])
	case w.Kind == WaitCarrier && len(words) == 1:
		w.Dev = words[0]
	default:
		return nil, bad
	}
	return w, err
}

func (w *Wait) node() node {
	n := node{open: "wait." + string(w.Kind) + "(", close: ")"}
	switch {
	case w.Dev != "":
		n.kids = append(n.kids, node{text: quote(w.Dev)})
	case w.Addr.IsValid():
		n.kids = append(n.kids, node{text: quote(w.Addr.String())})
	}
	if w.Within != 0 {
		n.kids = append(n.kids, node{key: "within = ", text: quote(timeText(w.Within))})
	}
	return n
}

// waitNamespace is wait.
func waitNamespace() *namespace {
	n := &namespace{name: "wait", doc: "ops that hold back what comes behind them"}
	for _, k := range []WaitKind{WaitDAD, WaitCarrier} {
		n.declare(string(k), starlark.NewBuiltin("wait."+string(k), waitOf(k)))
	}
	return n
}

func waitOf(kind WaitKind) builtinFunc {
	return func(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		w := &Wait{Kind: kind}
		s, err := scriptOf(thread)
		if err == nil {
			err = w.bind(args, kwargs)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fn.Name(), err)
		}
		op := &Op{Wait: w, Site: s.site(thread)}
		s.made(op.Site, fn.Name(), 1)
		return op, s.count(0)
	}
}

func (w *Wait) bind(args starlark.Tuple, kwargs []starlark.Tuple) error {
	within := plainArg{"within", false, durationInto(&w.Within)}
	if w.Kind == WaitCarrier {
		return bindWords(args, kwargs, plainArg{"dev", true, deviceInto(&w.Dev)}, within)
	}
	err := bindWords(args, kwargs, plainArg{"address", false, addressInto(&w.Addr)}, within)
	if err == nil && w.Addr.Is4() {
		err = &ArgError{Arg: argName(args, 0, "address"), Err: fmt.Errorf("%s is of IPv4, which detects no duplicates", w.Addr)}
	}
	return err
}

var (
	errWaitAbsent    = errors.New("a wait cannot be absent")
	errCutoverAbsent = errors.New("a cutover cannot be absent; write absent(route(...), ...)")
)
