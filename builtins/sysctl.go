package builtins

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

// sysctlValue is sysctl(name, value), the op, and sysctl.get(name), the value now.
type sysctlValue struct{}

var (
	_ starlark.Callable = sysctlValue{}
	_ starlark.HasAttrs = sysctlValue{}
)

func (sysctlValue) Name() string          { return "sysctl" }
func (sysctlValue) String() string        { return "<constructor sysctl>" }
func (sysctlValue) Type() string          { return "constructor" }
func (sysctlValue) Freeze()               {}
func (sysctlValue) Truth() starlark.Bool  { return true }
func (sysctlValue) Hash() (uint32, error) { return hashString("sysctl"), nil }
func (sysctlValue) AttrNames() []string   { return []string{"get"} }

func (sysctlValue) Attr(name string) (starlark.Value, error) {
	if name == "get" {
		return starlark.NewBuiltin("sysctl.get", sysctlGet), nil
	}
	return nil, fmt.Errorf("sysctl has no %s, it has get", name)
}

func (sysctlValue) CallInternal(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var value starlark.Value
	if err := starlark.UnpackArgs("sysctl", args, kwargs, "name", &name, "value", &value); err != nil {
		return nil, err
	}
	s, err := scriptOf(thread)
	if err != nil {
		return nil, fmt.Errorf("sysctl: %w", err)
	}
	ctl, err := parseSysctl(name)
	if err != nil {
		return nil, fmt.Errorf("sysctl: %w", &ArgError{Arg: argName(args, 0, "name"), Err: err})
	}
	if ctl.Value, err = sysctlText(value); err != nil {
		return nil, fmt.Errorf("sysctl: %s: %w", ctl.Name, &ArgError{Arg: argName(args, 1, "value"), Index: 1, Err: err})
	}
	op := &Op{Sysctl: ctl, Site: s.site(thread)}
	s.made(op.Site, "sysctl", 1)
	return op, s.count(len(ctl.Path) + len(ctl.Value))
}

// argName is how argument i was given: its keyword, or "" by position.
func argName(args starlark.Tuple, i int, keyword string) string {
	if i < len(args) {
		return ""
	}
	return keyword
}

func sysctlGet(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	in, kwargs, err := whereToLook(kwargs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	var name string
	if err := starlark.UnpackArgs(fn.Name(), args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	s, err := hostOf(thread)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	ctl, err := parseSysctl(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), &ArgError{Err: err})
	}
	v, err := s.host.ReadSysctl(in, ctl)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", fn.Name(), ctl.Name, err)
	}
	return starlark.String(v), nil
}

// sysctlText is a value as it is written to /proc/sys.
func sysctlText(v starlark.Value) (string, error) {
	switch v := v.(type) {
	case starlark.Bool:
		if v {
			return "1", nil
		}
		return "0", nil
	case starlark.Int:
		return v.String(), nil
	case starlark.String:
		s := strings.TrimSpace(string(v))
		if strings.ContainsAny(s, "\n\x00") {
			return "", errors.New("the value is more than one line")
		}
		return s, nil
	}
	var l []string
	ok, err := elements(v, func(_ int, v starlark.Value) error {
		s, err := sysctlText(v)
		l = append(l, s)
		return err
	})
	if !ok {
		return "", wrong(v, "a string, an integer, True or False, or a list of those")
	}
	return strings.Join(l, "\t"), err
}

// parseSysctl reads a name as sysctl(8) does: the first separator, '.' or '/',
// is the one of the path, and the other then stands for itself, so the device
// eth0.100 is in net.ipv4.conf.eth0/100.forwarding and net/ipv4/conf/eth0.100/forwarding.
func parseSysctl(name string) (*Sysctl, error) {
	path := strings.Trim(name, "/")
	if i := strings.IndexAny(path, "./"); i < 0 || path[i] == '.' {
		path = swapDots(path)
	}
	parts := strings.Split(path, "/")
	for _, p := range parts {
		if p == "" || p == "." || p == ".." || strings.ContainsAny(p, " \t\n\x00") {
			return nil, fmt.Errorf("%q is not the name of a sysctl", name)
		}
	}
	if parts[0] != "net" || len(parts) < 3 {
		return nil, fmt.Errorf("%q is not below net.; other sysctls are not of the network", name)
	}
	return &Sysctl{Path: path, Name: swapDots(path)}, nil
}

// SysctlOp is the op that writes a sysctl, by its path below /proc/sys.
func SysctlOp(path, value string) *Op {
	return &Op{Sysctl: &Sysctl{Path: path, Name: swapDots(path), Value: value}}
}

func swapDots(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, s)
}
