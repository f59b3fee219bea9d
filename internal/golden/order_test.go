package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/wire"
)

const little = `# a.star
# commit 1

# thing eth0 +
0000  3c 00 00 00 10 00 05 00 00 00 00 00 00 00 00 00             # newthing request|ack
0010  00 00 01 02 {eth0} 03 00 00 00 04 05 06 07                  # thingmsg
0020  01 02 00 00
0024  08 00 02 00 dc 05 00 00                                     # mtu 1500
002c  06 00 03 00 12 b5 00 00                                     # dstport 4789
0034  08 00 01 00 {"eth 1 # {"}                                   # dev eth 1 # {

# 1 message
`

const big = `# a.star
# commit 1

# thing eth0 +
0000  00 00 00 3c 00 10 00 05 00 00 00 00 00 00 00 00             # newthing request|ack
0010  00 00 02 01 {eth0} 00 00 00 03 07 06 05 04                  # thingmsg
0020  02 01 00 00
0024  00 08 00 02 00 00 05 dc                                     # mtu 1500
002c  00 06 00 03 12 b5 00 00                                     # dstport 4789
0034  00 08 00 01 {"eth 1 # {"}                                   # dev eth 1 # {

# 1 message
`

func TestInOrderOf(t *testing.T) {
	if got := inOrderOf(big, little); got != big {
		t.Errorf("the same in the other order is\n%s", got)
	}
	for _, change := range [][2]string{
		{"mtu 1500", "mtu 1501"}, {"00 00 05 dc", "00 00 05 dd"}, {"00 00 05 dc", "05 00 00 dc"}, {"12 b5", "12 b6"}, {"{eth0}", "{eth1}"}, {"002c", "0030"},
		{"02 01 00 00\n", "02 02 00 00\n"}, {"1 message", "2 messages"}, {"# thing eth0 +", "# thing eth0 ~"}, {"eth 1 # {\"}", "eth 2 # {\"}"}, {"00 08 00 01", "00 08 00 02"},
		{"0034  00 08 00 01 {\"eth 1 # {\"}                                   # dev eth 1 # {\n", ""},
	} {
		other := strings.Replace(big, change[0], change[1], 1)
		if other == big {
			t.Fatalf("%q is not there", change[0])
		}
		if inOrderOf(other, little) == other {
			t.Errorf("%q for %q is no difference", change[1], change[0])
		}
	}
}

// Where an entry is new, or missing, the others still agree.
func TestInOrderOfFindsEntries(t *testing.T) {
	head, rest, _ := strings.Cut(big, "# thing eth0 +")
	more := head + "# sysctl a ~\n> a = 1\n\n# thing eth0 +" + rest
	if got := inOrderOf(more, little); got != big {
		t.Errorf("beside a new entry:\n%s", got)
	}
	lhead, lrest, _ := strings.Cut(little, "# thing eth0 +")
	lmore := lhead + "# sysctl a ~\n> a = 1\n\n# thing eth0 +" + lrest
	if got := inOrderOf(big, lmore); got != more {
		t.Errorf("beside a lost entry:\n%s", got)
	}
}

// On a machine of the other order a golden file agrees with what is encoded
// there, and with nothing else.
func TestCompareBigEndian(t *testing.T) {
	if !wire.IsBigEndian {
		t.Skip("golden files have the order of this machine")
	}
	path := filepath.Join(t.TempDir(), "a.golden")
	const golden = `# thing/a.star
# commit 1

# thing eth0 +
0000  24 00 00 00 10 00 05 00 00 00 00 00 00 00 00 00             # newthing request|ack
0010  00 00 00 00                                                 # thingmsg
0014  08 00 01 00 {eth0}                                          # dev eth0
001c  08 00 02 00 dc 05 00 00                                     # mtu 1500

# 1 message
`
	if err := os.WriteFile(path, []byte(golden), 0o666); err != nil {
		t.Fatal(err)
	}
	for mtu, want := range map[uint64]bool{1500: true, 1501: false} {
		msg, rel := message(t, "eth0", mtu)
		text := render(t, []Entry{{Commit: 1, Summary: "thing eth0 +", Object: thing, Msg: msg, Rel: rel}})
		if d, err := Compare(path, text, false); err != nil || (d == "") != want {
			t.Errorf("mtu %d: %v\n%s", mtu, err, d)
		}
	}
	if _, err := Compare(path, golden, true); err == nil {
		t.Error("a golden file was written")
	}
}
