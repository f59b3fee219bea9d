package coverage

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// oracleFile has what iproute2 sent for many command lines. It is not part of
// the repository; what needs it is skipped without it.
const oracleFile = "../../../shared/oracle/public.jsonl"

// covered are the beginnings of the ids of cases about objects that nlscript has.
var covered = []string{"link/", "addr/", "route/", "rule/", "neigh/", "nexthop/", "bridge/fdb", "bridge/vlan/"}

// foreign are kinds of links that nlscript does not have.
var foreign = regexp.MustCompile(`^link/(gre|gretap|ip6gre|ip6gretap|erspan|ip6erspan|ipip|sit|ip6tnl|vti|vti6|geneve|wireguard|macsec|hsr|ipvlan|ipvtap|xfrm|misc-kinds)/`)

// A command is a command line of iproute2 and what it sent.
type command struct {
	ID       string
	Setup    []string
	Argv     []string
	EnvBytes []string `json:"env_bytes"` // it holds bytes of that run
	Messages []sent
}

// A sent message may be of another protocol, or ip's probe of what the kernel can.
type sent struct {
	Proto int
	Probe bool
	Hex   string
}

// messages are those that change something.
func (c *command) messages(t *testing.T) (l [][]byte) {
	t.Helper()
	for _, m := range c.Messages {
		if m.Probe {
			continue
		}
		b, err := hex.DecodeString(m.Hex)
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		l = append(l, b)
	}
	return l
}

// links are the devices that the set-up makes, by the indexes it gives them.
func (c *command) links() map[string]int {
	links := map[string]int{"lo": 1}
	for _, line := range c.Setup {
		w := strings.Fields(line)
		add := slices.Index(w, "add")
		if len(w) < 3 || w[0] != "ip" || w[1] != "link" || add < 0 {
			continue
		}
		name := ""
		for i := add + 1; i < len(w); i++ {
			switch {
			case w[i] == "name" || w[i] == "dev":
				i++
				name = w[i]
			case w[i] == "index":
				i++
				links[name], _ = strconv.Atoi(w[i])
			case w[i] == "link":
				i++
			case w[i] == "peer":
				name = ""
			case name == "":
				name = w[i]
			}
		}
	}
	return links
}

// commands reads a file of them.
func commands(t *testing.T, file string) []command {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var l []command
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		var c command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		l = append(l, c)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return l
}

func skipBigEndian(t *testing.T) {
	t.Helper()
	if wire.IsBigEndian {
		t.Skip("these bytes are of a little-endian machine; the golden files are read and written here as well")
	}
}

// TestDecode: what iproute2 sent is decoded to a script that needs no raw
// attributes, and that makes the same messages.
func TestDecode(t *testing.T) {
	skipBigEndian(t)
	if _, err := os.Stat(oracleFile); errors.Is(err, fs.ErrNotExist) {
		testnet.Refuse(t, "no "+oracleFile)
	}
	equal := 0
	for _, c := range commands(t, oracleFile) {
		if len(c.EnvBytes) > 0 || foreign.MatchString(c.ID) ||
			!slices.ContainsFunc(covered, func(p string) bool { return strings.HasPrefix(c.ID, p) }) ||
			slices.ContainsFunc(c.Messages, func(m sent) bool { return m.Proto != 0 }) {
			continue
		}
		if checkDecode(t, c.ID+" "+strings.Join(c.Argv, " "), c.messages(t), engine.Facts{Links: c.links()}) {
			equal++
		}
	}
	t.Logf("%d cases are equal", equal)
	if equal < 450 {
		t.Errorf("only %d cases were compared", equal)
	}
}

// raw are the calls for what has no name.
var raw = regexp.MustCompile(`\b(attr|message)\(`)

func checkDecode(t *testing.T, what string, messages [][]byte, facts engine.Facts) bool {
	t.Helper()
	src, err := decode(messages, &facts)
	if err != nil {
		t.Errorf("%s: decode: %v", what, err)
		return false
	}
	if raw.MatchString(src) {
		t.Errorf("%s: something has no name:\n%s", what, src)
		return false
	}
	p, err := plan(t, "decoded.star", src, facts)
	if err != nil {
		t.Errorf("%s: build: %v\n%s", what, err, src)
		return false
	}
	d := diff(messages, p.Messages)
	for _, l := range d {
		t.Errorf("%s: %s\n%s", what, l, src)
	}
	return len(d) == 0
}

// captured are command lines beyond those of the oracle, every option that the
// help of ip, bridge and tc names with the values at its limits, and what
// iproute2 6.1 sent for them.
const captured = truth + "/captured.jsonl"

// machineOf is what captured was recorded on.
var machineOf = map[string]int{"lo": 1, "v0": 10, "v1": 11, "w0": 20, "w1": 21, "br0": 40, "bond0": 41, "vx0": 50}

// refused are command lines of these with a value that is not legal: the kernel
// refuses it, or takes it for 1. ip sends it; nlscript says what is legal.
var refused = []string{
	"ip link add br0 type bridge stp_state 2", "ip link add br0 type bridge vlan_filtering 2", "ip link add br0 type bridge vlan_stats_enabled 7",
	"ip link add bond9 type bond use_carrier 7", // switches that are numbers to ip
	"ip link add br0 type bridge vlan_protocol 0x9100", "ip link add br0 type bridge vlan_protocol arp",
	"ip link add br0 type bridge mcast_router 9", "ip link add br0 type bridge mcast_igmp_version 9",
	"ip link set v0 type bridge_slave state 9", "ip link set v0 type bridge_slave priority 65535",
	"ip link set v0 type bridge_slave cost 0", "ip link set v0 type bridge_slave cost 4294967295",
	"ip link add link v0 name v0.5 type vlan id 4095", "ip link add link v0 name v0.5 type vlan proto 0x9100 id 5",
	"ip link add vx9 type vxlan id 1 local 10.0.0.1 remote any", // an address without bytes
	"ip link add vrf9 up type vrf table 0",
	"ip rule add dport 20-10 table 100", "ip rule add uidrange 1000-999 table 100",
	"ip nexthop add id 10 group 1/2 type resilient buckets 0",
}

func TestDecodeCaptured(t *testing.T) {
	skipBigEndian(t)
	n := 0
	for line := range strings.Lines(read(t, captured)) {
		var c struct {
			Argv []string
			Hex  []string
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		var l [][]byte
		for _, h := range c.Hex {
			b, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			l = append(l, b)
		}
		n++
		facts := engine.Facts{Links: machineOf}
		if argv := strings.Join(c.Argv, " "); !slices.Contains(refused, argv) {
			checkDecode(t, argv, l, facts)
		} else if src, err := decode(l, &facts); err != nil || !raw.MatchString(src) {
			t.Errorf("%s: has a name after all: %v\n%s", argv, err, src)
		}
	}
	if n < 1000 {
		t.Errorf("only %d command lines", n)
	}
}
