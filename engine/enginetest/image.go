package enginetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// An image is all that a namespace holds, as the kernel reports it: what the
// engine thinks of it (keys, canonical forms, touch sets) plays no part. A line
// is one object, the value is how to show it.
type image map[string]string

// A part is what an image is made of: the request for a dump, and the attributes
// that change by themselves, by their numbers down through nests; of link data the
// kind is in the path.
type part struct {
	object  *wire.Object
	req     uint16
	head    []byte // fixed header of the request
	drop    []string
	skip    func(head []byte, attrs map[uint16][]byte) bool // is not for us
	mask    func(head []byte, attrs map[uint16][]byte)      // clears what changes by itself
	ordered func(head []byte) bool                          // the order of these means something
	devices bool                                            // asked of each device
}

var takes = []part{
	{object: rtnl.Link, req: unix.RTM_GETLINK, head: make([]byte, 16), mask: maskLink,
		// Alternative names have no order. What follows from addresses (bridge ids); counters, carrier, promiscuity, operational state, timers, what was learned; the
		// default qdisc there is since a device first came up, and limits that follow from ports.
		drop: []string{"52.0", "6", "7", "59", "60", "16", "23", "30", "33", "35", "44", "47", "48", "61", "26.10.1", "26.10.3", "26.10.5", "26.10.6", "18.3",
			"18.2:bond.2", "18.2:bond.23", "18.5:bond.1", "18.5:bond.2", "18.5:bond.3", "18.5:bond.6", "18.5:bond.7", "18.5:bond.8", "18.5:bond.11", "18.5:bond.12",
			"18.2:bridge.10", "18.2:bridge.11", "18.2:bridge.14", "18.2:bridge.15", "18.2:bridge.16", "18.2:bridge.17", "18.2:bridge.18", "18.2:bridge.19", "18.2:bridge.48",
			"18.5:bridge.1", "18.5:bridge.19", "18.5:bridge.20", "18.5:bridge.21", "18.5:bridge.22", "18.5:bridge.23", "18.5:bridge.38", "18.5:bridge.41"}},
	{object: rtnl.Addr, req: unix.RTM_GETADDR, head: make([]byte, 8), drop: []string{"6"}, mask: maskAddr,
		ordered: func(h []byte) bool { return h[0] == unix.AF_INET }},
	{object: rtnl.Route, req: unix.RTM_GETROUTE, head: make([]byte, 12), drop: []string{"12"}, mask: maskRoute, skip: skipRoute},
	{object: rtnl.Rule, req: unix.RTM_GETRULE, head: make([]byte, 12), ordered: func([]byte) bool { return true }},
	{object: rtnl.Neigh, req: unix.RTM_GETNEIGH, head: make([]byte, 12), drop: []string{"3", "4"}, skip: skipNeigh},
	{object: rtnl.Neigh, req: unix.RTM_GETNEIGH, head: proxies(), drop: []string{"3", "4"}},
	{object: rtnl.FDB, req: unix.RTM_GETNEIGH, head: append([]byte{unix.AF_BRIDGE}, make([]byte, 11)...), drop: []string{"3"}, skip: skipFDB},
	{object: rtnl.VLAN, req: unix.RTM_GETVLAN, head: append([]byte{unix.AF_BRIDGE}, make([]byte, 7)...), drop: []string{"1.5", "1.7"}}, // counters
	{object: rtnl.Nexthop, req: unix.RTM_GETNEXTHOP, head: make([]byte, 8), drop: []string{"12.4"}, mask: func(h []byte, _ map[uint16][]byte) { h[4] &= configured }},
	{object: rtnl.Qdisc, req: unix.RTM_GETQDISC, head: make([]byte, 20), skip: skipQdisc, drop: []string{"3", "4", "7"}, mask: maskQdisc},
	{object: rtnl.Class, req: unix.RTM_GETTCLASS, head: make([]byte, 20), devices: true, drop: []string{"3", "4", "7"}, mask: func(h []byte, _ map[uint16][]byte) { clear(h[16:20]) }},
}

// configured are the flags of next hops that somebody sets; the others say how
// they are.
const configured = unix.RTNH_F_PERVASIVE | unix.RTNH_F_ONLINK

// maskQdisc clears references, and the packets that htb counts in its options
// (struct tc_htb_glob).
func maskQdisc(h []byte, attrs map[uint16][]byte) {
	clear(h[16:20])
	if string(attrs[unix.TCA_KIND]) != "htb\x00" {
		return
	}
	for a := range wire.Attrs(attrs[unix.TCA_OPTIONS]) {
		if a.Type == 2 && len(a.Data) >= 20 {
			clear(a.Data[16:20])
		}
	}
}

func proxies() []byte {
	h := make([]byte, 12)
	h[10] = unix.NTF_PROXY
	return h
}

func maskLink(h []byte, _ map[uint16][]byte) {
	flags := binary.NativeEndian.Uint32(h[8:])
	binary.NativeEndian.PutUint32(h[8:], flags&^(unix.IFF_RUNNING|unix.IFF_LOWER_UP|unix.IFF_DORMANT))
	clear(h[12:16])
}

// maskAddr clears how far duplicate address detection is.
func maskAddr(h []byte, attrs map[uint16][]byte) {
	const dad = unix.IFA_F_TENTATIVE | unix.IFA_F_OPTIMISTIC | unix.IFA_F_DADFAILED
	h[2] &^= dad
	if b := attrs[unix.IFA_FLAGS]; len(b) == 4 {
		binary.NativeEndian.PutUint32(b, binary.NativeEndian.Uint32(b)&^dad)
	}
	if p := attrs[ifaProto]; len(p) == 1 && p[0] == kernelLL {
		clear(attrs[unix.IFA_ADDRESS]) // follows from the MAC address there was when the device came up
	}
}

const (
	ifaProto = 11 // IFA_PROTO
	kernelLL = 3  // IFAPROT_KERNEL_LL
)

// maskRoute clears how next hops are, in the legs too, and the link-local
// addresses that maskAddr clears.
func maskRoute(h []byte, attrs map[uint16][]byte) {
	if dst := attrs[unix.RTA_DST]; h[5] == unix.RTPROT_KERNEL && h[7] == unix.RTN_LOCAL && len(dst) == 16 && dst[0] == 0xfe && dst[1] == 0x80 {
		clear(dst)
	}
	binary.NativeEndian.PutUint32(h[8:], binary.NativeEndian.Uint32(h[8:])&configured)
	for b := attrs[unix.RTA_MULTIPATH]; len(b) >= unix.SizeofRtNexthop; {
		b[2] &= configured
		n := (int(binary.NativeEndian.Uint16(b)) + 3) &^ 3
		b = b[min(max(n, unix.SizeofRtNexthop), len(b)):]
	}
}

// skipRoute leaves out clones.
func skipRoute(h []byte, _ map[uint16][]byte) bool {
	return binary.NativeEndian.Uint32(h[8:])&unix.RTM_F_CLONED != 0
}

// skipNeigh leaves out what was learned, and what follows from addresses.
func skipNeigh(h []byte, attrs map[uint16][]byte) bool {
	state, dst := binary.NativeEndian.Uint16(h[8:]), attrs[unix.NDA_DST]
	if state&unix.NUD_PERMANENT == 0 && h[10]&unix.NTF_EXT_LEARNED == 0 {
		return state&unix.NUD_NOARP == 0 || len(dst) == 0 || dst[0]&0xf0 == 0xe0 || dst[0] == 0xff || h[0] == unix.AF_INET
	}
	return false
}

// skipFDB leaves out what was learned, and multicast addresses that devices
// listen to.
func skipFDB(h []byte, attrs map[uint16][]byte) bool {
	mac := attrs[unix.NDA_LLADDR]
	return binary.NativeEndian.Uint16(h[8:])&(unix.NUD_PERMANENT|unix.NUD_NOARP) == 0 ||
		len(mac) > 0 && mac[0]&1 != 0 && attrs[unix.NDA_DST] == nil
}

// skipQdisc leaves out what a device without a queue has once it has been up.
func skipQdisc(_ []byte, attrs map[uint16][]byte) bool {
	return string(attrs[unix.TCA_KIND]) == "noqueue\x00"
}

// take reads the image of an engine's namespace.
func take(t testing.TB, e *engine.Engine) image {
	t.Helper()
	conn, err := nlconn.Dial(nlconn.Config{NetNS: e.NetNS(), Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	im := image{}
	own := map[string]bool{} // addresses of devices: their entries in bridges come and go with them
	var devices [][]byte
	for i, tk := range takes {
		order := map[string]int{}
		for _, m := range tk.dump(t, conn, devices) {
			head := slices.Clone(m.Data[:len(tk.head)])
			attrs := map[uint16][]byte{}
			for a := range wire.Attrs(m.Data[len(head):]) {
				attrs[a.Type] = a.Data
			}
			switch tk.object {
			case rtnl.Link:
				own[string(attrs[unix.IFLA_ADDRESS])] = true
				devices = append(devices, head[4:8:8])
			case rtnl.FDB:
				if own[string(attrs[unix.NDA_LLADDR])] {
					continue
				}
			}
			if tk.skip != nil && tk.skip(head, attrs) {
				continue
			}
			if tk.mask != nil {
				tk.mask(head, attrs)
			}
			line := fmt.Sprintf("%02d %x %s", i, head, tree(m.Data[len(head):], "", tk.drop))
			if tk.ordered != nil && tk.ordered(head) {
				dev := string(head[4:8]) // of addresses; rules are of one family
				if tk.object == rtnl.Rule {
					dev = string(head[:1])
				}
				order[dev]++
				line += fmt.Sprintf(" #%d", order[dev])
			}
			im[line] += show(tk.object, m)
		}
	}
	testnet.Do(t, e.NetNS(), func() { im.sysctls(t) })
	return im
}

// dump asks for the objects of a kind.
func (tk *part) dump(t testing.TB, conn *nlconn.Conn, devices [][]byte) (l []wire.Message) {
	if !tk.devices {
		return dump(t, conn, tk.req, tk.head)
	}
	for _, index := range devices {
		l = append(l, dump(t, conn, tk.req, slices.Concat(tk.head[:4], index, tk.head[8:]))...)
	}
	return l
}

func dump(t testing.TB, conn *nlconn.Conn, typ uint16, head []byte) []wire.Message {
	t.Helper()
	var b wire.Builder
	m := b.Begin(typ, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	copy(b.Fixed(len(head)), head)
	b.End(m)
	req, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	parts, err := conn.Dump(context.Background(), req)
	if typ == unix.RTM_GETVLAN && errors.Is(err, unix.EOPNOTSUPP) {
		return nil // its bridges know no VLANs
	}
	if err != nil {
		t.Fatalf("dump %d: %v", typ, err)
	}
	return slices.Collect(parts.Messages())
}

// tree renders attributes without the dropped ones, in the order of their
// numbers; a nest is looked into where something in it is dropped.
func tree(b []byte, at string, drop []string) string {
	var l []string
	kind := uint16(0) // the attribute that says whose data the next one holds
	for a := range wire.Attrs(b) {
		p := fmt.Sprintf("%s%d", at, a.Type)
		switch p {
		case "18.2":
			kind = unix.IFLA_INFO_KIND
		case "18.5":
			kind = unix.IFLA_INFO_SLAVE_KIND
		}
		if p == "18.2" || p == "18.5" {
			for k := range wire.Attrs(b) {
				if k.Type == kind {
					p += ":" + strings.TrimRight(string(k.Data), "\x00")
				}
			}
		}
		switch {
		case slices.Contains(drop, p):
		case slices.ContainsFunc(drop, func(d string) bool { return strings.HasPrefix(d, p+".") || strings.HasPrefix(d, p+":") }):
			l = append(l, fmt.Sprintf("%s{%s}", p, tree(a.Data, p+".", drop)))
		default:
			l = append(l, fmt.Sprintf("%s=%x", p, a.Data))
		}
	}
	slices.Sort(l)
	return strings.Join(l, " ")
}

// show is an object as people read it.
func show(o *wire.Object, m wire.Message) string {
	if m.Type == unix.RTM_NEWVLAN {
		return fmt.Sprintf("%s of device %d", o.Name, binary.NativeEndian.Uint32(m.Data[4:]))
	}
	s := wire.NewSet(o.Table)
	if err := o.Table.DecodeState(m.Data, s); err != nil {
		return o.Name + " ?"
	}
	return o.Name + " " + s.Text(nil)
}

// sysctls adds the settings of the calling thread's namespace.
func (im image) sysctls(t testing.TB) {
	buf := make([]byte, 4096)
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a device that ends
			t.Errorf("sysctls: %v", err)
		}
		for _, e := range entries {
			name := dir + "/" + e.Name()
			switch {
			case e.IsDir():
				walk(name)
			case strings.HasSuffix(name, "stable_secret") || strings.HasSuffix(name, "_key"):
			default:
				if v, ok := sysctl(name, buf); ok {
					line := "sysctl " + strings.TrimPrefix(name, "/proc/sys/") + " = " + v
					im[line] = line
				}
			}
		}
	}
	walk("/proc/sys/net/ipv4")
	walk("/proc/sys/net/ipv6")
}

// sysctl reads a file of /proc/sys with few system calls: there are thousands.
// Some can only be written.
func sysctl(name string, buf []byte) (string, bool) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", false
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return "", false
	}
	return strings.TrimSpace(string(buf[:n])), true
}

// differs says how im differs from before, "" when it does not. Of a link that is
// there in both it shows only what is different, by the numbers of attributes.
func (im image) differs(before image) string {
	var b strings.Builder
	side := func(sign string, one, other image) {
		links := map[string]string{}
		for l, text := range other {
			links[linkOf(text)] = l
		}
		for _, l := range slices.Sorted(maps.Keys(one)) {
			if _, ok := other[l]; ok {
				continue
			}
			name := linkOf(one[l])
			if o, ok := links[name]; ok && name != "" {
				fmt.Fprintf(&b, "%s %s: %s\n", sign, name, without(l, o))
				continue
			}
			fmt.Fprintf(&b, "%s %s\n", sign, one[l])
		}
	}
	side("-", before, im)
	side("+", im, before)
	return b.String()
}

// linkOf is the link that a text shows, "" when it shows something else.
func linkOf(text string) string {
	if !strings.HasPrefix(text, "link ") {
		return ""
	}
	_, name, _ := strings.Cut(text, " name ")
	name, _, _ = strings.Cut(name, " ")
	return "link " + name
}

// without are the words of a that b does not have.
func without(a, b string) string {
	words := strings.Fields(b)
	return strings.Join(slices.DeleteFunc(strings.Fields(a), func(w string) bool { return slices.Contains(words, w) }), " ")
}

// patience is how long asynchronous work of the kernel may take: carrier,
// duplicate address detection, the end of devices.
const patience = 3 * time.Second

// settle waits until the namespace does not change any more.
func settle(t testing.TB, e *engine.Engine) image {
	t.Helper()
	im := take(t, e)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		time.Sleep(30 * time.Millisecond)
		now := take(t, e)
		if now.differs(im) == "" && im.differs(now) == "" {
			return now
		}
		im = now
	}
	return im
}

// same fails the test when the namespace is not, or does not become, as it was.
func same(t testing.TB, e *engine.Engine, before image) (ok bool) {
	t.Helper()
	diff := becomes(t, e, before)
	if diff != "" {
		t.Errorf("the namespace is not as it was:\n%s", diff)
	}
	return diff == ""
}

// becomes waits until the namespace is as it was, and says how it differs when it
// does not become so.
func becomes(t testing.TB, e *engine.Engine, before image) string {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		diff := take(t, e).differs(before)
		if diff == "" || time.Now().After(end) {
			return diff
		}
	}
}
