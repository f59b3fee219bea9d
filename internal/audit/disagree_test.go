package audit

import (
	"math"
	"testing"

	"github.com/nlscript/nlscript/wire"
)

// The comparison finds the mistakes that tables have had.
func TestDisagree(t *testing.T) {
	u8 := &wire.Policy{Type: tU8, Ranged: true, MaxU: 255}
	u32 := &wire.Policy{Type: tU32, Ranged: true, MaxU: math.MaxUint32}
	up := wire.Words{{Name: "off"}, {Name: "on", N: 1}}
	for _, c := range []struct {
		what string
		row  wire.Field
		pol  *wire.Policy
		bad  bool
	}{
		{"a flag for a flag", wire.Field{Kind: wire.Flag}, &wire.Policy{Type: tFlag}, false},
		{"u32 for a flag", wire.Field{Kind: wire.U32}, &wire.Policy{Type: tFlag}, true},
		{"a flag for u8", wire.Field{Kind: wire.Flag}, u8, true},
		{"a switch for u8", wire.Field{Kind: wire.Bool}, u8, false},
		{"u8 for u32", wire.Field{Kind: wire.U8}, u32, true},
		{"u16 for u32", wire.Field{Kind: wire.BE16}, u32, true},
		{"a device for u32", wire.Field{Kind: wire.Dev}, u32, false},
		{"u32 for uint", wire.Field{Kind: wire.U32}, &wire.Policy{Type: tUint, Ranged: true, MaxU: math.MaxUint64}, false},
		{"u8 for uint", wire.Field{Kind: wire.U8}, &wire.Policy{Type: tUint, Ranged: true, MaxU: math.MaxUint64}, true},
		{"a range inside", wire.Field{Kind: wire.U32, Max: 1<<24 - 1}, u32, false},
		{"a range beyond", wire.Field{Kind: wire.U16, Max: 4095}, &wire.Policy{Type: tU16, Ranged: true, MaxU: 4094}, true},
		{"no range", wire.Field{Kind: wire.U16}, &wire.Policy{Type: tU16, Ranged: true, MaxU: 4094}, true},
		{"a range from 0", wire.Field{Kind: wire.U16, Max: 4094}, &wire.Policy{Type: tU16, Ranged: true, MinU: 1, MaxU: 4094}, true},
		{"signed", wire.Field{Kind: wire.S32, Min: 1, Max: math.MaxInt32}, &wire.Policy{Type: tS32, Ranged: true, MinS: 1, MaxS: math.MaxInt32}, false},
		{"signed without range", wire.Field{Kind: wire.S32}, &wire.Policy{Type: tS32, Ranged: true, MinS: 1, MaxS: math.MaxInt32}, true},
		{"words inside", wire.Field{Kind: wire.U8, Words: up, Closed: true}, &wire.Policy{Type: tU8, Ranged: true, MaxU: 1}, false},
		{"words beyond", wire.Field{Kind: wire.U8, Words: wire.Words{{Name: "a"}, {Name: "b", N: 1}, {Name: "c", N: 2}}, Closed: true}, &wire.Policy{Type: tU8, Ranged: true, MaxU: 1}, true},
		{"a scaled range", wire.Field{Kind: wire.U8, Min: 1, Max: 256, Scale: -1}, u8, false},
		{"a name", wire.Field{Kind: wire.Str, Max: 15}, &wire.Policy{Type: tNulString, MaxLen: 15}, false},
		{"a name that is too long", wire.Field{Kind: wire.Str, Max: 16}, &wire.Policy{Type: tNulString, MaxLen: 15}, true},
		{"a name without limit", wire.Field{Kind: wire.Str}, &wire.Policy{Type: tString, MaxLen: 15}, true},
		{"a text without NUL", wire.Field{Kind: wire.Text, Max: 15}, &wire.Policy{Type: tNulString, MaxLen: 15}, true},
		{"an address", wire.Field{Kind: wire.IP6}, &wire.Policy{Type: tBinary, MinLen: 16, MaxLen: 16}, false},
		{"an address of the other family", wire.Field{Kind: wire.IP4}, &wire.Policy{Type: tBinary, MinLen: 16, MaxLen: 16}, true},
		{"bytes", wire.Field{Kind: wire.MAC, Max: 32}, &wire.Policy{Type: tBinary, MaxLen: 32}, false},
		{"too many bytes", wire.Field{Kind: wire.Bytes, Max: 33}, &wire.Policy{Type: tBinary, MaxLen: 32}, true},
		{"a nest", wire.Field{Kind: wire.Nest}, &wire.Policy{Type: tNested}, false},
		{"an integer for a nest", wire.Field{Kind: wire.U32}, &wire.Policy{Type: tNested}, true},
		{"a nest for an integer", wire.Field{Kind: wire.Nest}, u32, true},
	} {
		if err := disagree(&c.row, number{}, c.pol); (err != nil) != c.bad {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
