package builtins

// A function is a builtin that no table describes.
type function struct{ name, usage, doc string }

// functions are all of them; TestFunctionsDocumented compares with Predeclared.
func functions() []function {
	return []function{
		{"commit", `commit(ops..., label = "vlans", checks = [...], within = "5s", irreversible = [...])`, "Send ops as one batch, which holds as a whole or not at all. Lists are flattened, None is nothing. " +
			"All checks have to hold within the time after that, or the run is undone. Any later failure of the script undoes it. " +
			"What could not be restored then is refused, unless irreversible names it as the plan does: [\"link wg0\"]."},
		{"attempt", "attempt(ops..., label = ...)", "A commit that may fail. A failure undoes this batch alone and is returned as a value with .message; None is returned when it holds."},
		{"absent", "absent(ops...)", "These objects shall not be. Only their keys count; what comes last is removed first, and nothing is done for what is gone."},
		{"exact", "exact(ops..., table = 100)", "These ops, and nothing else in the scope that the keywords name: what is there and not among them goes, nothing outside is touched. " +
			"Scopes: routes of a table, addresses, neighbours, bridge.fdb entries or bridge.vlan of a dev, rules of a priority or (lowest, highest), nexthops, links of a master (the others are released). " +
			"Further keywords narrow them: family, protocol. What the kernel or a daemon made stays. A constructor first, exact(addr, ops, dev = ...), says of what when there may be no ops."},
		{"param", `param(name, default = None, type = ..., choices = [...], secret = False, doc = "...")`,
			"A value that whoever runs the script may give. It comes by -D NAME=VALUE or --params FILE. The type is that of the default: bool, int, float, string, list, dict. " +
				"Only the main script has params."},
		{"netns", `netns("blue", ops...), netns(ops..., path = "/tmp/blue"), netns(ops..., pid = 4711)`, "These ops are in another network namespace. One that is not there is made, as ip netns add does, " +
			"also when there are no ops. A commit over several namespaces holds in all of them or in none. Reads and checks take netns = \"blue\", a path, or netns(...) without ops."},
		{"sysctl", `sysctl("net.ipv4.ip_forward", 1)`, "A sysctl of the network shall have this value. Its name begins with net. sysctl.get(name, netns = ...) reads one. Names are as in sysctl(8): " +
			"net.ipv4.conf.eth0/100.forwarding is net/ipv4/conf/eth0.100/forwarding."},
		{"check.ping", `check.ping("192.0.2.1", netns = None)`, "For commit(checks = [...]): an ICMP echo to the address is answered. Like all checks it is tried until it holds, from inside the network namespace of the run or the one that is named."},
		{"check.tcp", `check.tcp("192.0.2.1:22")`, "For commit(checks = [...]): a TCP connection to the address and port can be made; it is closed at once."},
		{"check.route_get", `check.route_get("198.51.100.7", dev = "eth0")`, "For commit(checks = [...]): the kernel's look-up of the address gives a route, by this dev, via this gateway, from this src as far as they are written."},
		{"check.carrier", `check.carrier("eth0")`, "For commit(checks = [...]): the device is up and has carrier."},
		{"wait.carrier", `wait.carrier("eth0", within = "5s")`, "An op: what comes behind it is sent when the device is up and has carrier. After the time, 5s unless written, the commit fails."},
		{"wait.dad", `wait.dad("2001:db8::1", within = "10s")`, "An op: what comes behind it is sent when the IPv6 address is there and no longer tentative; without an address, when none is on a device with carrier. " +
			"A duplicate, or the end of the time, 10s unless written, is a failure of the commit."},
		{"cutover", `cutover(routes, table = "main")`, "The table has these routes, and those of the kernel, in place of all it had, for each family among them at one instant: every look-up sees all old or all new. " +
			"Next hops among the routes are made before; at most one may change."},
		{"attr", "attr(type, u32 = 7)", "A raw attribute, for attrs = [...], which every constructor takes. The value is one of u8 u16 u32 u64 s32 be16 be32 be64 str bytes flag ip mac, " +
			"or nested = [attr(...), ...]."},
		{"message", "message(type, flags = 0x5, header = \"...\", attrs = [...])", "A message past the objects, always sent as it is. The header is bytes or hexadecimal digits."},
		{"ip", "ip.addr(\"10.0.0.1\"), ip.prefix(\"10.0.0.0/8\")", "Addresses and prefixes to count with. There are addr + 1, addr - addr, addr in prefix, prefix + 1, " +
			"prefix.subnets(24), prefix.hosts(), prefix.host(1), prefix.addr, .bits, .network, .first, .last, .broadcast, .netmask, .version; ip.prefix(addr, 24)."},
		{"mac", `mac("02:00:00:00:00:00") + i`, "A link-layer address to count with. It has .number, .is_local, .is_multicast."},
		{"struct", "struct(a = 1)", "A value with named fields."},
		{"json", "json.encode(x), json.decode(s)", "JSON: json.encode, json.decode, json.indent."},
		{"math", "math.ceil(x)", "Mathematical functions."},
	}
}
