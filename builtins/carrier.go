package builtins

import "go.starlark.net/starlark"

// What ops of other carriers than rtnetlink have in common: they have no
// message, and as values only a text.

// Carrier says who takes the op: "route" (rtnetlink), "sysctl", "wait", "cutover", "netns".
func (op *Op) Carrier() string {
	switch {
	case op.Sysctl != nil:
		return "sysctl"
	case op.NetNS:
		return "netns"
	case op.Wait != nil:
		return "wait"
	case op.Cutover != nil:
		return "cutover"
	}
	return "route"
}

// plain reports whether nothing can be read of the op but what it is.
func (op *Op) plain() bool { return op.Wait != nil || op.Cutover != nil || op.NetNS }

// plainAttr is Attr of a plain op.
func (op *Op) plainAttr(name string) (starlark.Value, error) {
	switch name {
	case attrObject:
		return starlark.String(op.Carrier()), nil
	case attrText:
		return starlark.String(op.String()), nil
	}
	return nil, nil
}

// plainEqual compares what makes ops plain.
func (op *Op) plainEqual(o *Op) bool {
	if (op.Wait == nil) != (o.Wait == nil) || op.Wait != nil && *op.Wait != *o.Wait {
		return false
	}
	return op.Cutover.equal(o.Cutover)
}
