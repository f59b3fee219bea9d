package enginetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
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
	ask     []byte // attributes of it
	drop    []string
	skip    func(head []byte, attrs map[uint16][]byte) bool // is not for us
	mask    func(head []byte, attrs map[uint16][]byte)      // clears what changes by itself
	ordered func(head []byte) bool                          // the order of these means something
	devices bool                                            // asked of each device
}

var takes = []part{
	{object: rtnl.Link, req: unix.RTM_GETLINK, head: make([]byte, 16), mask: maskLink,
		// Alternative names have no order. What follows from addresses (bridge ids); numbers of ports; counters, carrier, promiscuity, operational state, timers, what was learned; the
		// default qdisc there is since a device first came up, and limits that follow from ports.
		drop: []string{"52.0", "6", "7", "59", "60", "16", "23", "30", "33", "35", "44", "47", "48", "61", "26.10.1", "26.10.3", "26.10.5", "26.10.6", "18.3",
			"18.2:bond.2", "18.2:bond.23", "18.5:bond.1", "18.5:bond.2", "18.5:bond.3", "18.5:bond.6", "18.5:bond.7", "18.5:bond.8", "18.5:bond.11", "18.5:bond.12",
			"18.2:bridge.10", "18.2:bridge.11", "18.2:bridge.14", "18.2:bridge.15", "18.2:bridge.16", "18.2:bridge.17", "18.2:bridge.18", "18.2:bridge.19", "18.2:bridge.48",
			"18.5:bridge.1", "18.5:bridge.13", "18.5:bridge.14", "18.5:bridge.15", "18.5:bridge.17", "18.5:bridge.18", "18.5:bridge.19", "18.5:bridge.20", "18.5:bridge.21", "18.5:bridge.22", "18.5:bridge.23", "18.5:bridge.38", "18.5:bridge.41"}},
	{object: rtnl.Addr, req: unix.RTM_GETADDR, head: make([]byte, 8), drop: []string{"6"}, mask: maskAddr,
		ordered: func(h []byte) bool { return h[0] == unix.AF_INET }},
	{object: rtnl.Route, req: unix.RTM_GETROUTE, head: make([]byte, 12), drop: []string{"12"}, mask: maskRoute, skip: skipRoute},
	{object: rtnl.Rule, req: unix.RTM_GETRULE, head: make([]byte, 12), ordered: func([]byte) bool { return true }},
	{object: rtnl.Neigh, req: unix.RTM_GETNEIGH, head: make([]byte, 12), drop: []string{"3", "4"}, skip: skipNeigh},
	{object: rtnl.Neigh, req: unix.RTM_GETNEIGH, head: proxies(), drop: []string{"3", "4"}},
	{object: rtnl.FDB, req: unix.RTM_GETNEIGH, head: append([]byte{unix.AF_BRIDGE}, make([]byte, 11)...), drop: []string{"3"}, skip: skipFDB, mask: maskFDB},
	// Each by itself, with counters; and what a bridge has once.
	{object: rtnl.VLAN, req: unix.RTM_GETVLAN, head: append([]byte{unix.AF_BRIDGE}, make([]byte, 7)...), ask: vlanFlags(1), drop: []string{"1.5", "1.7"}},
	{object: rtnl.VLANGlobal, req: unix.RTM_GETVLAN, head: append([]byte{unix.AF_BRIDGE}, make([]byte, 7)...), ask: vlanFlags(2), drop: []string{"2.16", "2.17"}},
	{object: rtnl.Nexthop, req: unix.RTM_GETNEXTHOP, head: make([]byte, 8), drop: []string{"12.4"}, mask: func(h []byte, _ map[uint16][]byte) { h[4] &= configured }},
	{object: rtnl.Qdisc, req: unix.RTM_GETQDISC, head: make([]byte, 20), skip: skipQdisc, drop: []string{"3", "4", "7"}, mask: maskQdisc},
	{object: rtnl.Class, req: unix.RTM_GETTCLASS, head: make([]byte, 20), devices: true, drop: []string{"3", "4", "7"}, mask: func(h []byte, _ map[uint16][]byte) { clear(h[16:20]) }},
	tables,
}

// tables are those of neighbours, with the settings of each device: what has no device
// is read with the sysctls. References, and a time by chance, are left out.
var tables = part{req: unix.RTM_GETNEIGHTBL, head: make([]byte, 4), drop: []string{"6.2", "6.3"},
	skip: func(_ []byte, attrs map[uint16][]byte) bool {
		for a := range wire.Attrs(attrs[6]) { // NDTA_PARMS
			if a.Type == 1 { // NDTPA_IFINDEX
				return false
			}
		}
		return true
	}}

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

// vlanFlags is BRIDGE_VLANDB_DUMP_FLAGS.
func vlanFlags(n uint32) []byte { return attribute(nil, 1, binary.NativeEndian.AppendUint32(nil, n)) }

func proxies() []byte {
	h := make([]byte, 12)
	h[10] = unix.NTF_PROXY
	return h
}

func maskLink(h []byte, attrs map[uint16][]byte) {
	flags := binary.NativeEndian.Uint32(h[8:])
	binary.NativeEndian.PutUint32(h[8:], flags&^(unix.IFF_RUNNING|unix.IFF_LOWER_UP|unix.IFF_DORMANT))
	clear(h[12:16])
	maskBond(attrs[unix.IFLA_LINKINFO])
}

// maskBond clears the rate of LACP of a bond that does not speak it: it cannot be set
// there.
func maskBond(info []byte) {
	kind, data := "", map[uint16][]byte{}
	for a := range wire.Attrs(info) {
		switch a.Type {
		case unix.IFLA_INFO_KIND:
			kind = string(a.Data)
		case unix.IFLA_INFO_DATA:
			for o := range wire.Attrs(a.Data) {
				data[o.Type] = o.Data
			}
		}
	}
	const lacp = 4 // BOND_MODE_8023AD
	if mode := data[unix.IFLA_BOND_MODE]; kind == "bond\x00" && len(mode) == 1 && mode[0] != lacp {
		clear(data[unix.IFLA_BOND_AD_LACP_RATE])
	}
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
	var legs [][]byte
	for b := attrs[unix.RTA_MULTIPATH]; len(b) >= unix.SizeofRtNexthop; {
		b[2] &= configured
		n := min(max((int(binary.NativeEndian.Uint16(b))+3)&^3, unix.SizeofRtNexthop), len(b))
		legs, b = append(legs, b[:n]), b[n:]
	}
	if h[0] == unix.AF_INET6 { // of which the legs have no order
		slices.SortFunc(legs, bytes.Compare)
		copy(attrs[unix.RTA_MULTIPATH], slices.Concat(legs...))
	}
}

// skipRoute leaves out clones, and of the kernel's own IPv6 routes those for
// multicast, which devices have that had carrier once, those for the anycast addresses
// of routers, which it takes away with an address that it had not told of yet, and
// those that have expired and wait for their end.
func skipRoute(h []byte, attrs map[uint16][]byte) bool {
	if binary.NativeEndian.Uint32(h[8:])&unix.RTM_F_CLONED != 0 {
		return true
	}
	if h[0] != unix.AF_INET6 || h[5] != unix.RTPROT_KERNEL {
		return false
	}
	cache := attrs[unix.RTA_CACHEINFO] // struct rta_cacheinfo: expires
	return h[7] == unix.RTN_MULTICAST || h[7] == unix.RTN_ANYCAST || len(cache) >= 12 && int32(binary.NativeEndian.Uint32(cache[8:])) < 0
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
		len(mac) > 0 && mac[0]&1 != 0 && attrs[unix.NDA_DST] == nil && attrs[ndaNhID] == nil
}

const ndaNhID = 13 // NDA_NH_ID

// maskFDB clears what a permanent entry has beside: the one for remote of a vxlan has other
// bits than one that is written.
func maskFDB(h []byte, _ map[uint16][]byte) {
	if state := binary.NativeEndian.Uint16(h[8:]); state&unix.NUD_PERMANENT != 0 {
		binary.NativeEndian.PutUint16(h[8:], unix.NUD_PERMANENT)
	}
}

// skipQdisc leaves out what a device without a queue has once it has been up.
func skipQdisc(_ []byte, attrs map[uint16][]byte) bool {
	return string(attrs[unix.TCA_KIND]) == "noqueue\x00"
}

// objects is the image without sysctls, which take longer to read than all else.
func objects(t testing.TB, e *engine.Engine) image {
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
				if attrs[unix.NDA_MASTER] != nil && own[string(attrs[unix.NDA_LLADDR])] {
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
	return im
}

// withSysctls adds the settings to im and returns it.
func (im image) withSysctls(t testing.TB, e *engine.Engine) image {
	t.Helper()
	testnet.Do(t, e.NetNS(), func() { im.sysctls(t) })
	return im
}

// dump asks for the objects of a kind.
func (tk *part) dump(t testing.TB, conn *nlconn.Conn, devices [][]byte) (l []wire.Message) {
	if !tk.devices {
		return dump(t, conn, tk.req, slices.Concat(tk.head, tk.ask))
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

// settings are those of a device's sysctls that a link has, arrays of 32 bits:
// IFLA_INET_CONF and IFLA_INET6_CONF.
var settings = []string{"26.2.1", "26.10.2"}

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
		case slices.Contains(settings, p):
			for i, h := 0, hex.EncodeToString(a.Data); len(h) >= 8; i, h = i+1, h[8:] {
				l = append(l, p+"["+strconv.Itoa(i)+"]="+h[:8])
			}
		case above(p, drop) || above(p, settings):
			l = append(l, fmt.Sprintf("%s{%s}", p, tree(a.Data, p+".", drop)))
		default:
			l = append(l, fmt.Sprintf("%s=%x", p, a.Data))
		}
	}
	slices.Sort(l)
	return strings.Join(l, " ")
}

// above reports whether some of what is listed is in the nest at p.
func above(p string, list []string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.HasPrefix(x, p+".") || strings.HasPrefix(x, p+":") })
}

// show is an object as people read it.
func show(o *wire.Object, m wire.Message) string {
	if o == nil {
		return "settings of neighbours"
	}
	if m.Type == unix.RTM_NEWVLAN {
		return fmt.Sprintf("%s of device %d", o.Name, binary.NativeEndian.Uint32(m.Data[4:]))
	}
	s := wire.NewSet(o.Table)
	if err := o.Table.DecodeState(m.Data, s); err != nil {
		return o.Name + " ?"
	}
	return o.Name + " " + s.Text(nil)
}

func (im image) withoutSysctls() image {
	im = maps.Clone(im)
	maps.DeleteFunc(im, func(line, _ string) bool { return strings.HasPrefix(line, sysctlLine) })
	return im
}

const sysctlLine = "sysctl "

// sysctls adds the settings of the calling thread's namespace.
func (im image) sysctls(t testing.TB) {
	buf := make([]byte, 4096)
	var walk func(dir *os.File)
	walk = func(dir *os.File) {
		defer dir.Close()
		entries, err := dir.ReadDir(-1)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a device that ends
			t.Errorf("sysctls: %v", err)
		}
		for _, e := range entries {
			name := dir.Name() + "/" + e.Name()
			switch {
			case strings.HasSuffix(name, "stable_secret") || strings.HasSuffix(name, "_key"):
			case e.IsDir() && (strings.HasSuffix(dir.Name(), "/conf") || strings.HasSuffix(dir.Name(), "/neigh")) && e.Name() != "all" && e.Name() != "default":
				// A device's: the link has them, and the tables of neighbours.
			case e.IsDir():
				if fd := openat(dir, e.Name()); fd >= 0 {
					walk(os.NewFile(uintptr(fd), name))
				}
			default:
				if v, ok := sysctl(dir, e.Name(), buf); ok {
					line := sysctlLine + strings.TrimPrefix(name, "/proc/sys/") + " = " + v
					im[line] = line
				}
			}
		}
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		dir, err := os.Open("/proc/sys/net/" + family)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("sysctls: %v", err)
			}
			continue
		}
		walk(dir)
	}
}

// sysctl reads a file of a directory with few system calls, and without looking up
// the way there: there are thousands. Some can only be written.
func sysctl(dir *os.File, name string, buf []byte) (string, bool) {
	fd := openat(dir, name)
	if fd < 0 {
		return "", false
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return "", false
	}
	return strings.TrimSpace(string(buf[:n])), true
}

// openat opens what is in a directory; -1 when it cannot be read.
func openat(dir *os.File, name string) int {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
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
const patience = 10 * time.Second

// settle waits until the namespace does not change any more, and nothing that the
// kernel is about to do would change it.
func settle(t testing.TB, e *engine.Engine) image {
	t.Helper()
	im := objects(t, e)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		time.Sleep(30 * time.Millisecond)
		more := pending(t, e) // first: what it was about to do is then seen
		now := objects(t, e)
		if now.differs(im) == "" && !more {
			break
		}
		im = now
	}
	return im.withSysctls(t, e)
}

// pending reports whether a device has carrier that has not been told of yet, a bond
// that of its ports: IPv6 addresses come with that (net/core/link_watch.c), up to a
// second later. Or an address of a device that runs is tentative: it has no route yet.
func pending(t testing.TB, e *engine.Engine) bool {
	t.Helper()
	conn, err := nlconn.Dial(nlconn.Config{NetNS: e.NetNS(), Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const carrier = unix.IFF_UP | unix.IFF_LOWER_UP
	dark, light := map[uint32]bool{}, map[uint32]bool{} // bonds without carrier, masters of ports with it
	runs := map[uint32]bool{}
	for _, m := range dump(t, conn, unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg)) {
		index, flags := binary.NativeEndian.Uint32(m.Data[4:]), binary.NativeEndian.Uint32(m.Data[8:])
		if flags&(carrier|unix.IFF_RUNNING|unix.IFF_DORMANT) == carrier {
			return true
		}
		runs[index] = flags&unix.IFF_RUNNING != 0
		dark[index] = flags&(unix.IFF_MASTER|carrier) == unix.IFF_MASTER|unix.IFF_UP
		for a := range wire.Attrs(m.Data[unix.SizeofIfInfomsg:]) {
			if a.Type == unix.IFLA_MASTER && flags&carrier == carrier {
				light[binary.NativeEndian.Uint32(a.Data)] = true
			}
		}
	}
	for index := range light {
		if dark[index] {
			return true
		}
	}
	inet6 := make([]byte, unix.SizeofIfAddrmsg)
	inet6[0] = unix.AF_INET6
	for _, m := range dump(t, conn, unix.RTM_GETADDR, inet6) {
		if m.Data[2]&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == unix.IFA_F_TENTATIVE && runs[binary.NativeEndian.Uint32(m.Data[4:])] {
			return true
		}
	}
	return false
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
// does not become so: but lines with one of these.
func becomes(t testing.TB, e *engine.Engine, before image, but ...string) string {
	t.Helper()
	differs := func(now, before image) string {
		var l []string
		for line := range strings.Lines(now.differs(before)) {
			if !slices.ContainsFunc(but, func(s string) bool { return strings.Contains(line, s) }) {
				l = append(l, line)
			}
		}
		return strings.Join(l, "")
	}
	was := before.withoutSysctls()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		now, late := objects(t, e), time.Now().After(end)
		diff := differs(now, was)
		if diff == "" || late {
			diff = differs(now.withSysctls(t, e), before)
		}
		if diff == "" || late {
			return diff
		}
	}
}
