package builtins

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/wire"
)

// A Check is a condition that has to hold when a batch has been sent: what
// check.ping(...) and its like return. It is immutable.
type Check struct {
	Kind CheckKind
	Addr netip.Addr // ping, tcp, route_get: the destination
	Port uint16     // tcp
	Dev  string     // carrier: of this device; route_get: the answer has to be by it, "" any
	Via  netip.Addr // route_get: and by this gateway
	Src  netip.Addr // route_get: and from this address
	In   *Place     // network namespace it is tried in; nil: the one the run works in
	Site *Site
}

// A CheckKind is the name of a check below the namespace check.
type CheckKind string

const (
	CheckPing    CheckKind = "ping"
	CheckTCP     CheckKind = "tcp"
	CheckRoute   CheckKind = "route_get"
	CheckCarrier CheckKind = "carrier"
)

// CheckWithin is how long a commit waits for its checks unless it says so.
const CheckWithin = 5 * time.Second

// maxWithin bounds what a script may have a commit wait for.
const maxWithin = time.Hour

var (
	_ starlark.Comparable = (*Check)(nil)
	_ starlark.HasAttrs   = (*Check)(nil)
)

// Text names the check as people do: "route_get 198.51.100.7 dev eth0 netns blue".
func (c *Check) Text() string {
	if c.In != nil {
		return c.what() + " netns " + c.In.String()
	}
	return c.what()
}

func (c *Check) what() string {
	s := string(c.Kind)
	switch c.Kind {
	case CheckTCP:
		return s + " " + netip.AddrPortFrom(c.Addr, c.Port).String()
	case CheckCarrier:
		return s + " " + c.Dev
	case CheckRoute:
		s += " " + c.Addr.String()
		if c.Via.IsValid() {
			s += " via " + c.Via.String()
		}
		if c.Dev != "" {
			s += " dev " + c.Dev
		}
		if c.Src.IsValid() {
			s += " src " + c.Src.String()
		}
		return s
	}
	return s + " " + c.Addr.String()
}

// String is the check as a script would write it.
func (c *Check) String() string {
	n := node{open: "check." + string(c.Kind) + "(", close: ")"}
	add := func(key, value string) { n.kids = append(n.kids, node{key: key, text: quote(value)}) }
	switch c.Kind {
	case CheckTCP:
		add("", netip.AddrPortFrom(c.Addr, c.Port).String())
	case CheckCarrier:
		add("", c.Dev)
	default:
		add("", c.Addr.String())
	}
	if c.Kind == CheckRoute {
		if c.Via.IsValid() {
			add("via = ", c.Via.String())
		}
		if c.Dev != "" {
			add("dev = ", c.Dev)
		}
		if c.Src.IsValid() {
			add("src = ", c.Src.String())
		}
	}
	switch {
	case c.In == nil:
	case c.In.PID != 0:
		in := c.In.call()
		in.key = "netns = "
		n.kids = append(n.kids, in)
	default:
		add("netns = ", c.In.String())
	}
	return render(n, 0)
}

func (c *Check) Type() string          { return "check" }
func (c *Check) Freeze()               {}
func (c *Check) Truth() starlark.Bool  { return true }
func (c *Check) Hash() (uint32, error) { return hashString(c.String()), nil }
func (c *Check) AttrNames() []string   { return []string{attrText} }

// Attr reads check.text.
func (c *Check) Attr(name string) (starlark.Value, error) {
	if name == attrText {
		return starlark.String(c.Text()), nil
	}
	return nil, nil
}

// CompareSameType compares what is checked, wherever it was written.
func (c *Check) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	return equality(op, c.String() == y.(*Check).String(), c)
}

// checkNamespace is check.
func checkNamespace() *namespace {
	n := &namespace{name: "check", doc: "conditions for commit(checks = [...])"}
	for _, k := range []CheckKind{CheckPing, CheckTCP, CheckRoute, CheckCarrier} {
		n.declare(string(k), starlark.NewBuiltin("check."+string(k), checkOf(k)))
	}
	return n
}

type builtinFunc = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

func checkOf(kind CheckKind) builtinFunc {
	return func(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		c := &Check{Kind: kind}
		s, err := scriptOf(thread)
		if err == nil {
			err = c.bind(args, kwargs)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fn.Name(), err)
		}
		c.Site = s.site(thread)
		return c, nil
	}
}

func (c *Check) bind(args starlark.Tuple, kwargs []starlark.Tuple) error {
	in := plainArg{placeWord, false, placeInto(&c.In)}
	switch c.Kind {
	case CheckCarrier:
		return bindWords(args, kwargs, plainArg{"dev", true, deviceInto(&c.Dev)}, in)
	case CheckTCP:
		return bindWords(args, kwargs, plainArg{"address", true, c.endpoint}, in)
	case CheckRoute:
		err := bindWords(args, kwargs, plainArg{"address", true, addressInto(&c.Addr)}, plainArg{"via", false, addressInto(&c.Via)},
			plainArg{"dev", false, deviceInto(&c.Dev)}, plainArg{"src", false, addressInto(&c.Src)}, in)
		if err == nil && c.Src.IsValid() && c.Src.Is4() != c.Addr.Is4() {
			err = argError("src", fmt.Errorf("%s is not of the family of %s", c.Src, c.Addr))
		}
		return err
	}
	return bindWords(args, kwargs, plainArg{"address", true, addressInto(&c.Addr)}, in)
}

// endpoint reads "192.0.2.1:22" or "[2001:db8::1]:22".
func (c *Check) endpoint(v starlark.Value) error {
	s, ok := starlark.AsString(v)
	if !ok {
		return wrong(v, `an address and a port, such as "192.0.2.1:22"`)
	}
	ap, err := netip.ParseAddrPort(s)
	switch {
	case err != nil:
		return fmt.Errorf(`%q is not an address and a port, such as "192.0.2.1:22" or "[2001:db8::1]:22"`, s)
	case ap.Addr().Zone() != "":
		return fmt.Errorf("%q names a device, which a check of tcp cannot", s)
	case ap.Port() == 0:
		return errors.New("no service has port 0")
	}
	c.Addr, c.Port = ap.Addr(), ap.Port()
	return nil
}

// A plainArg is a keyword of a function that no table describes. The first one that
// is the subject is the positional argument, and must be given.
type plainArg struct {
	name    string
	subject bool
	read    func(v starlark.Value) error
}

// bindWords binds the arguments of a call. None is absence.
func bindWords(args starlark.Tuple, kwargs []starlark.Tuple, words ...plainArg) error {
	seen := map[string]bool{}
	put := func(w plainArg, v starlark.Value) error {
		if v == starlark.None {
			return nil
		}
		seen[w.name] = true
		return w.read(v)
	}
	if len(args) > 1 {
		return &ArgError{Index: 1, Err: fmt.Errorf("got %d positional arguments, want one, %s", len(args), words[0].name)}
	}
	if len(args) == 1 {
		if err := put(words[0], args[0]); err != nil {
			return &ArgError{Err: fmt.Errorf("%s: %w", words[0].name, err)}
		}
	}
	for i, kv := range kwargs {
		if err := given(kwargs, i); err != nil {
			return err
		}
		name := string(kv[0].(starlark.String))
		found := false
		var names []string
		for _, w := range words {
			names = append(names, w.name)
			if w.name != name {
				continue
			}
			found = true
			if seen[name] {
				return argError(name, errTwoSubjects)
			}
			if err := put(w, kv[1]); err != nil {
				return argError(name, err)
			}
		}
		if !found {
			return &ArgError{Arg: name, Err: fmt.Errorf("unknown keyword %s%s", name, didYouMean(name, names))}
		}
	}
	if words[0].subject && !seen[words[0].name] {
		return fmt.Errorf("%s is missing", words[0].name)
	}
	return nil
}

func addressInto(a *netip.Addr) func(starlark.Value) error {
	return func(v starlark.Value) error {
		w, err := address(&wire.Field{Kind: wire.IP}, v)
		*a = w.A
		return err
	}
}

// deviceInto reads a device: its name, or the op of a link.
func deviceInto(name *string) func(starlark.Value) error {
	return func(v starlark.Value) error {
		w, err := device(v)
		if err == nil && w.Type != wire.Name {
			return wrong(v, "the name of a device")
		}
		*name = w.S
		return err
	}
}

// durationInto reads a time such as "5s".
func durationInto(d *time.Duration) func(starlark.Value) error {
	return func(v starlark.Value) error {
		s, ok := starlark.AsString(v)
		if !ok {
			return wrong(v, `a time with its unit, such as "5s"`)
		}
		n, err := wire.ParseTime(s, uint64(time.Second))
		switch {
		case err != nil:
			return err
		case n == 0 || n > uint64(maxWithin):
			return fmt.Errorf("%s: want more than nothing and at most %s", s, timeText(maxWithin))
		}
		*d = time.Duration(n)
		return nil
	}
}

func timeText(d time.Duration) string { return wire.TimeText(uint64(d), uint64(time.Second)) }

// checksInto reads a list of checks, to any depth; None is nothing.
func checksInto(l *[]*Check) func(starlark.Value) error {
	return func(v starlark.Value) error { return appendChecks(l, v, 0) }
}

func appendChecks(l *[]*Check, v starlark.Value, depth int) error {
	switch v := v.(type) {
	case *Check:
		*l = append(*l, v)
		return nil
	case starlark.NoneType:
		return nil
	case *starlark.Builtin:
		return fmt.Errorf("got the function %s, want the check it returns; write %[1]s(...)", v.Name())
	}
	if depth > maxNesting {
		return errNesting
	}
	ok, err := elements(v, func(_ int, x starlark.Value) error { return appendChecks(l, x, depth+1) })
	if !ok {
		return wrong(v, `a list of checks, such as [check.ping("192.0.2.1")]`)
	}
	return err
}
