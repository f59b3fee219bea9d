package wire

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// reply builds an nlmsgerr about a request of reqLen bytes, of which the whole
// is repeated unless capped, with the attributes that tlvs appends.
func reply(errno int32, capped bool, reqLen int, tlvs func(b *Builder)) Message {
	var b Builder
	flags := uint16(0)
	if capped {
		flags |= flagCapped
	}
	if tlvs != nil {
		flags |= flagAckTLVs
	}
	m := b.Begin(msgError, flags)
	putU32(b.Fixed(4), uint32(-errno))
	h := b.Fixed(HeaderLen)
	putU32(h, uint32(reqLen))
	if !capped {
		body := b.Fixed(reqLen - HeaderLen)
		for i := range body {
			body[i] = 0xff // would be no attributes
		}
	}
	if tlvs != nil {
		tlvs(&b)
	}
	b.End(m)
	return only(b.buf)
}

func only(b []byte) Message {
	for m, err := range Messages(b) {
		if err != nil {
			panic(err)
		}
		m.Seq = 7
		return m
	}
	panic("no message")
}

func TestParseReply(t *testing.T) {
	plain := Reply{Seq: 7, Offset: -1, MissType: -1, MissNest: -1}
	with := func(f func(r *Reply)) Reply { r := plain; f(&r); return r }
	all := func(b *Builder) {
		b.String(ackMsg, "VXLAN ID too big")
		b.Uint32(ackOffs, 52)
		copy(b.Attr(ackCookie, 3), "abc")
		b.Uint32(ackMissType, 3)
		b.Uint32(ackMissNest, 36)
		b.Uint32(99, 1) // of a later kernel
	}
	said := func(r *Reply) {
		r.Errno, r.Message, r.Offset, r.Cookie, r.MissType, r.MissNest = syscall.ERANGE, "VXLAN ID too big", 52, []byte("abc"), 3, 36
	}
	for _, tc := range []struct {
		name string
		m    Message
		want Reply
	}{
		{"ack", reply(0, true, 40, nil), plain},
		{"ack uncapped", reply(0, false, 40, nil), plain},
		{"error", reply(int32(unix.EEXIST), true, 40, nil), with(func(r *Reply) { r.Errno = syscall.EEXIST })},
		{"extended capped", reply(int32(unix.ERANGE), true, 40, all), with(said)},
		{"extended uncapped", reply(int32(unix.ERANGE), false, 41, all), with(said)},
		{"warning", reply(0, true, 40, func(b *Builder) { b.String(ackMsg, "deprecated") }),
			with(func(r *Reply) { r.Message = "deprecated" })},
		{"positive is no error", reply(-5, true, 40, nil), plain},
		{"least errno", reply(math.MinInt32, true, 40, nil), with(func(r *Reply) { r.Errno = 1 << 31 })},
		{"done", done(0, nil), plain},
		{"done error", done(int32(unix.EINVAL), func(b *Builder) { b.String(ackMsg, "no such table") }),
			with(func(r *Reply) { r.Errno, r.Message = syscall.EINVAL, "no such table" })},
		{"done without errno", Message{Type: msgDone, Seq: 7}, plain},
	} {
		got, err := ParseReply(tc.m)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tc.name, got, tc.want)
		}
	}
}

func done(errno int32, tlvs func(b *Builder)) Message {
	var b Builder
	flags := uint16(unix.NLM_F_MULTI)
	if tlvs != nil {
		flags |= flagAckTLVs
	}
	m := b.Begin(msgDone, flags)
	putU32(b.Fixed(4), uint32(-errno))
	if tlvs != nil {
		tlvs(&b)
	}
	b.End(m)
	return only(b.buf)
}

func TestReplyPolicy(t *testing.T) {
	type row func(b *Builder)
	u32 := func(typ uint16, v uint32) row { return func(b *Builder) { b.Uint32(typ, v) } }
	u64 := func(typ uint16, v uint64) row { return func(b *Builder) { b.Attr(11, 0); b.Uint64(typ, v) } }
	minus5 := int64(-5)
	for _, tc := range []struct {
		rows []row
		want Policy
		text string
	}{
		{[]row{u32(polType, 4), u64(polMinU, 1), u64(polMaxU, 1<<24-1)}, Policy{Type: 4, Ranged: true, MinU: 1, MaxU: 1<<24 - 1}, "u32 1..16777215"},
		{[]row{u32(polType, 6), u64(polMinS, uint64(minus5)), u64(polMaxS, 5)}, Policy{Type: 6, Ranged: true, MinS: -5, MaxS: 5}, "s8 -5..5"},
		{[]row{u32(polType, 16), u64(polMinS, uint64(minus5)), u64(polMaxS, 0)}, Policy{Type: 16, Ranged: true, MinS: -5}, "sint -5..0"},
		{[]row{u32(polType, 4), u64(polMask, 0x3)}, Policy{Type: 4, Mask: 3}, "u32 within 0x3"},
		{[]row{u32(polType, 15), u32(polBits, 0x101)}, Policy{Type: 15, Bits: 0x101}, "bitfield32 within 0x101"},
		{[]row{u32(polType, 10), u32(polMinLen, 6), u32(polMaxLen, 8)}, Policy{Type: 10, MinLen: 6, MaxLen: 8}, "binary of 6 to 8 bytes"},
		{[]row{u32(polType, 10), u32(polMinLen, 6)}, Policy{Type: 10, MinLen: 6}, "binary of at least 6 bytes"},
		{[]row{u32(polType, 12), u32(polMaxLen, 15)}, Policy{Type: 12, MaxLen: 15}, "nul-terminated string of at most 15 bytes"},
		{[]row{u32(polType, 13)}, Policy{Type: 13}, "nest"},
		{[]row{u32(polType, 1)}, Policy{Type: 1}, "flag"},
		{[]row{u32(polType, 77)}, Policy{Type: 77}, "type 77"},
	} {
		r, err := ParseReply(reply(int32(unix.EINVAL), true, 40, func(b *Builder) {
			n := b.Nest(ackPolicy)
			for _, f := range tc.rows {
				f(b)
			}
			b.End(n)
		}))
		if err != nil || r.Policy == nil || *r.Policy != tc.want {
			t.Errorf("%s: %+v, %v", tc.text, r.Policy, err)
			continue
		}
		if got := r.Policy.String(); got != tc.text {
			t.Errorf("text %q, want %q", got, tc.text)
		}
	}
}

// The numbers that x/sys has, and the order of the names.
func TestReplyNumbers(t *testing.T) {
	for _, n := range [][2]int{
		{msgError, unix.NLMSG_ERROR}, {msgDone, unix.NLMSG_DONE}, {flagCapped, unix.NLM_F_CAPPED}, {flagAckTLVs, unix.NLM_F_ACK_TLVS},
		{ackMsg, unix.NLMSGERR_ATTR_MSG}, {ackOffs, unix.NLMSGERR_ATTR_OFFS}, {ackCookie, unix.NLMSGERR_ATTR_COOKIE},
		{polType, unix.NL_POLICY_TYPE_ATTR_TYPE}, {polMinS, unix.NL_POLICY_TYPE_ATTR_MIN_VALUE_S}, {polMaxS, unix.NL_POLICY_TYPE_ATTR_MAX_VALUE_S},
		{polMinU, unix.NL_POLICY_TYPE_ATTR_MIN_VALUE_U}, {polMaxU, unix.NL_POLICY_TYPE_ATTR_MAX_VALUE_U},
		{polMinLen, unix.NL_POLICY_TYPE_ATTR_MIN_LENGTH}, {polMaxLen, unix.NL_POLICY_TYPE_ATTR_MAX_LENGTH},
		{polBits, unix.NL_POLICY_TYPE_ATTR_BITFIELD32_MASK}, {polMask, unix.NL_POLICY_TYPE_ATTR_MASK},
		{policyS8, unix.NL_ATTR_TYPE_S8}, {policyS64, unix.NL_ATTR_TYPE_S64}, {policyBitfield32, unix.NL_ATTR_TYPE_BITFIELD32},
	} {
		if n[0] != n[1] {
			t.Errorf("%d, the header has %d", n[0], n[1])
		}
	}
	for typ, name := range map[uint32]string{unix.NL_ATTR_TYPE_U64: "u64", unix.NL_ATTR_TYPE_S64: "s64",
		unix.NL_ATTR_TYPE_NUL_STRING: "nul-terminated string", unix.NL_ATTR_TYPE_BITFIELD32: "bitfield32"} {
		if policyNames[typ] != name {
			t.Errorf("type %d is named %s, want %s", typ, policyNames[typ], name)
		}
	}
}

// Damage is an error, and what came before it is kept.
func TestReplyDamaged(t *testing.T) {
	tlv := func(f func(b *Builder)) Message { return reply(int32(unix.EINVAL), true, 40, f) }
	long := reply(int32(unix.EINVAL), false, 40, func(*Builder) {})
	putU32(long.Data[4:], 400)
	short := reply(int32(unix.EINVAL), true, 40, func(*Builder) {})
	short.Data = short.Data[:12]
	for name, m := range map[string]Message{
		"offset of 2 bytes": tlv(func(b *Builder) { b.Uint16(ackOffs, 1) }),
		"offset too large":  tlv(func(b *Builder) { b.Uint32(ackOffs, 1<<31) }),
		"policy of 2 bytes": tlv(func(b *Builder) { n := b.Nest(ackPolicy); b.Uint16(polType, 1); b.End(n) }),
		"policy framing":    tlv(func(b *Builder) { putU16(b.Attr(ackPolicy, 8), 99) }),
		"framing":           tlv(func(b *Builder) { putU16(b.Fixed(4), 3) }),
		"request too long":  long,
		"request cut":       short,
	} {
		r, err := ParseReply(m)
		var fe *FrameError
		if !errors.As(err, &fe) {
			t.Errorf("%s: error %v, want a FrameError", name, err)
		}
		if r.Errno != syscall.EINVAL || r.Seq != 7 {
			t.Errorf("%s: errno %d seq %d lost", name, r.Errno, r.Seq)
		}
	}
	for name, m := range map[string]Message{"no reply": {Type: 16, Data: make([]byte, 20)}, "no errno": {Type: msgError, Data: make([]byte, 3)}} {
		if _, err := ParseReply(m); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestReplyOwnsItsMemory(t *testing.T) {
	m := reply(int32(unix.EINVAL), true, 40, func(b *Builder) { b.String(ackMsg, "text"); copy(b.Attr(ackCookie, 3), "abc") })
	r, err := ParseReply(m)
	if err != nil {
		t.Fatal(err)
	}
	clear(m.Data)
	if r.Message != "text" || !bytes.Equal(r.Cookie, []byte("abc")) {
		t.Errorf("reply changed with the buffer: %q %q", r.Message, r.Cookie)
	}
}

func TestReplyAllocs(t *testing.T) {
	m := reply(0, true, 40, nil)
	if n := testing.AllocsPerRun(100, func() {
		if r, err := ParseReply(m); err != nil || r.Errno != 0 {
			t.Fatal(r, err)
		}
	}); n != 0 {
		t.Errorf("an ack costs %v allocations", n)
	}
}

func TestStamp(t *testing.T) {
	var b Builder
	m := b.Begin(16, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b.Uint32(1, 2)
	b.End(m)
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	putU32(msg[12:], 99)
	if err := Stamp(msg, unix.NLM_F_ECHO, unix.NLM_F_ACK, 12); err != nil {
		t.Fatal(err)
	}
	for got := range Messages(msg) {
		if got.Flags != unix.NLM_F_REQUEST|unix.NLM_F_ECHO || got.Seq != 12 || got.PID != 0 {
			t.Errorf("stamped %+v", got)
		}
	}
	for _, bad := range [][]byte{nil, msg[:8], msg[:20], append(bytes.Clone(msg), 0, 0, 0, 0)} {
		if err := Stamp(bad, 0, 0, 1); err == nil {
			t.Errorf("%d bytes with length %d were stamped", len(bad), len(msg))
		}
	}
	odd := append(bytes.Clone(msg), 0)
	putU32(odd, uint32(len(odd)))
	if err := Stamp(odd, 0, 0, 1); err == nil {
		t.Error("a message of 25 bytes was stamped: what follows would be skipped")
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add(reply(1, true, 40, func(b *Builder) { b.String(ackMsg, "x") }).Bytes)
	f.Add(done(1, func(b *Builder) { n := b.Nest(ackPolicy); b.Uint32(polType, 4); b.End(n) }).Bytes)
	f.Fuzz(func(t *testing.T, data []byte) {
		for m, err := range Messages(data) {
			if err != nil {
				return
			}
			r, err := ParseReply(m)
			if err == nil && (r.Offset < -1 || r.MissType < -1 || r.MissNest < -1) {
				t.Errorf("impossible reply %+v", r)
			}
			if r.Policy != nil && r.Policy.String() == "" {
				t.Error("policy without text")
			}
		}
	})
}
