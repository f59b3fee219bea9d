package rtnl

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Defaults of the kernel (ila_build_state).
const (
	ilaHookOutput = 0  // ILA_HOOK_ROUTE_OUTPUT
	ilaNoAction   = 2  // ILA_CSUM_NO_ACTION
	ilaUseFormat  = 32 // ILA_ATYPE_USE_FORMAT
)

var encapILA = &wire.Table{
	Name: "ila",
	Doc:  "identifier-locator addressing",
	TagN: unix.LWTUNNEL_ENCAP_ILA,
	Fields: []wire.Field{
		{Name: "locator", Type: 1, Kind: wire.BE64, Notation: locator{}, Doc: "locator to put in the upper half of the destination, as \"2001:db8:0:1\""},
		{Name: "csum_mode", Type: 7, Kind: wire.U8, Enum: []string{"adj-transport", "neutral-map", "no-action", "neutral-map-auto"}, Doc: "how transport checksums stay right"},
		{Name: "ident_type", Type: 8, Kind: wire.U8, Words: ilaIdentTypes, Doc: "type of the identifier"},
		{Name: "hook_type", Type: 9, Kind: wire.U8, Enum: []string{"output", "input"}, Doc: "where addresses are translated"},
	},
}

var ilaIdentTypes = wire.Words{
	{Name: "iid", N: 0}, {Name: "luid", N: 1}, {Name: "virt-v4", N: 2}, {Name: "virt-uni-v6", N: 3},
	{Name: "virt-multi-v6", N: 4}, {Name: "nonlocal-addr", N: 5}, {Name: "use-format", N: ilaUseFormat},
}

// locator is the upper half of an IPv6 address: four groups of hexadecimal digits.
type locator struct{}

func (locator) Parse(s string) (wire.Value, bool, error) {
	groups := strings.Split(s, ":")
	var n uint64
	for _, g := range groups {
		x, err := strconv.ParseUint(g, 16, 16)
		if err != nil || len(groups) != 4 {
			return wire.Value{}, false, fmt.Errorf("%q is not a locator, such as \"2001:db8:0:1\"", s)
		}
		n = n<<16 | x
	}
	return wire.IntVal(n), true, nil
}

func (locator) Text(v wire.Value) (string, bool) {
	return fmt.Sprintf("%x:%x:%x:%x", v.N>>48, v.N>>32&0xffff, v.N>>16&0xffff, v.N&0xffff), true
}
