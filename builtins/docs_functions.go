package builtins

// A function is a builtin that no table describes.
type function struct{ name, usage, doc string }

// functions are all of them; TestFunctionsDocumented compares with Predeclared.
func functions() []function {
	return []function{
		{"commit", `commit(ops..., label = "vlans")`, "Send ops as one batch, which holds as a whole or not at all. Lists are flattened, None is nothing. " +
			"Any later failure of the script undoes it."},
		{"attempt", "attempt(ops..., label = ...)", "A commit that may fail. A failure undoes this batch alone and is returned as a value with .message; None is returned when it holds."},
		{"absent", "absent(ops...)", "These objects shall not be. Only their keys count; what comes last is removed first, and nothing is done for what is gone."},
		{"exact", "exact(ops..., table = 100)", "These ops, and nothing else in the scope that the keywords name: what is there and not among them goes, nothing outside is touched. " +
			"Scopes: routes of a table, addresses, neighbours or bridge.fdb entries of a dev, rules of a priority or (lowest, highest), nexthops, links of a master (the others are released). " +
			"Further keywords narrow them: family, protocol. What the kernel or a daemon made stays. A constructor first, exact(addr, ops, dev = ...), says of what when there may be no ops."},
		{"param", `param(name, default = None, type = ..., choices = [...], secret = False, doc = "...")`,
			"A value that whoever runs the script may give. It comes by -D NAME=VALUE or --params FILE. The type is that of the default: bool, int, float, string, list, dict. " +
				"Only the main script has params."},
		{"sysctl", `sysctl("net.ipv4.ip_forward", 1)`, "A sysctl of the network shall have this value. Its name begins with net. sysctl.get(name) reads one. Names are as in sysctl(8): " +
			"net.ipv4.conf.eth0/100.forwarding is net/ipv4/conf/eth0.100/forwarding."},
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
