package wire

import (
	"fmt"
	"math"
	"strings"
	"syscall"
)

// linux/netlink.h
const (
	msgError = 2
	msgDone  = 3

	flagCapped  = 0x100 // NLM_F_CAPPED: of the request only the header came back
	flagAckTLVs = 0x200 // NLM_F_ACK_TLVS: attributes follow

	ackMsg      = 1 // NLMSGERR_ATTR_MSG
	ackOffs     = 2
	ackCookie   = 3
	ackPolicy   = 4
	ackMissType = 5
	ackMissNest = 6

	polType    = 1 // NL_POLICY_TYPE_ATTR_TYPE
	polMinS    = 2
	polMaxS    = 3
	polMinU    = 4
	polMaxU    = 5
	polMinLen  = 6
	polMaxLen  = 7
	polBits    = 10
	polMask    = 12
	errnoBytes = 4
)

// A Reply is the kernel's answer to one message, or the end of a dump: nlmsgerr
// or NLMSG_DONE, with all that the extended acknowledgement says.
type Reply struct {
	Seq      uint32
	Errno    syscall.Errno // 0: done
	Message  string        // also beside Errno 0: a warning
	Offset   int           // of the attribute at fault, from the nlmsghdr of the request to its nlattr, inside nests too; -1: not said
	Cookie   []byte
	Policy   *Policy // what the attribute at fault should have been; nil: not said
	MissType int     // attribute that is missing; -1: not said
	MissNest int     // offset of the nest that it is missing in; -1: the top level
}

// A Policy is what the kernel accepts as payload of an attribute.
type Policy struct {
	Type           uint32 // NL_ATTR_TYPE_U32 and its like
	Ranged         bool   // MinU and MaxU hold, or for signed types MinS and MaxS
	MinU, MaxU     uint64
	MinS, MaxS     int64
	MinLen, MaxLen uint32 // of strings and bytes; 0: not said
	Bits           uint32 // bits that a bitfield32 may have
	Mask           uint64 // bits that an integer may have; 0: not said
}

// IsReply reports whether m is what ParseReply reads.
func IsReply(m Message) bool { return m.Type == msgError || m.Type == msgDone }

// ParseReply reads an nlmsgerr or NLMSG_DONE message. A Reply shares no memory
// with it. When the attributes are damaged the Reply holds what came before
// the damage: Seq and Errno at least.
func ParseReply(m Message) (Reply, error) {
	r := Reply{Seq: m.Seq, Offset: -1, MissType: -1, MissNest: -1}
	if !IsReply(m) {
		return r, &FrameError{m.Off, fmt.Sprintf("message type %d is no reply", m.Type)}
	}
	if len(m.Data) < errnoBytes {
		if m.Type == msgDone && len(m.Data) == 0 {
			return r, nil
		}
		return r, &FrameError{m.Off, fmt.Sprintf("reply of %d bytes has no errno", len(m.Data))}
	}
	if v := int32(getU32(m.Data)); v < 0 {
		r.Errno = syscall.Errno(-int64(v))
	}
	if m.Flags&flagAckTLVs == 0 {
		return r, nil
	}
	skip := errnoBytes
	if m.Type == msgError {
		n, err := requestLen(m)
		if err != nil {
			return r, err
		}
		skip += n
	}
	// The kernel sets the flag on NLMSG_DONE also when there was no room left.
	if skip > len(m.Data) {
		return r, nil
	}
	for a, err := range Attrs(m.Data[skip:]) {
		if err != nil {
			return r, err
		}
		if err := r.attr(a); err != nil {
			return r, err
		}
	}
	return r, nil
}

// requestLen returns how much of the request an nlmsgerr repeats.
func requestLen(m Message) (int, error) {
	p := m.Data[errnoBytes:]
	if len(p) < HeaderLen {
		return 0, &FrameError{m.Off, fmt.Sprintf("nlmsgerr with %d bytes of the request's header", len(p))}
	}
	if m.Flags&flagCapped != 0 {
		return HeaderLen, nil
	}
	n := getU32(p)
	if n < HeaderLen || uint64(n) > uint64(len(p)) {
		return 0, &FrameError{m.Off, fmt.Sprintf("nlmsgerr repeats %d bytes of a request of %d", len(p), n)}
	}
	return align(int(n)), nil
}

func (r *Reply) attr(a Attr) error {
	switch a.Type {
	case ackMsg:
		r.Message = strings.TrimRight(string(a.Data), "\x00")
	case ackCookie:
		r.Cookie = append([]byte(nil), a.Data...)
	case ackOffs:
		return ackInt(a, &r.Offset)
	case ackMissType:
		return ackInt(a, &r.MissType)
	case ackMissNest:
		return ackInt(a, &r.MissNest)
	case ackPolicy:
		p, err := parsePolicy(a.Data)
		r.Policy = p
		return err
	}
	return nil
}

func ackInt(a Attr, n *int) error {
	v, err := uintOf(a, 4)
	if err != nil {
		return err
	}
	if v > math.MaxInt32 {
		return &FrameError{a.Off, fmt.Sprintf("attribute %d: %d is out of range", a.Type, v)}
	}
	*n = int(v)
	return nil
}

// uintOf returns the payload of an integer attribute of n bytes.
func uintOf(a Attr, n int) (uint64, error) {
	if len(a.Data) != n {
		return 0, &FrameError{a.Off, fmt.Sprintf("attribute %d: %d bytes, want %d", a.Type, len(a.Data), n)}
	}
	if n == 4 {
		return uint64(getU32(a.Data)), nil
	}
	return getU64(a.Data), nil
}

func parsePolicy(b []byte) (*Policy, error) {
	p := new(Policy)
	for a, err := range Attrs(b) {
		if err != nil {
			return nil, err
		}
		n := 4
		switch a.Type {
		case polMinS, polMaxS, polMinU, polMaxU, polMask:
			n = 8
		case polType, polMinLen, polMaxLen, polBits:
		default:
			continue
		}
		v, err := uintOf(a, n)
		if err != nil {
			return nil, err
		}
		switch a.Type {
		case polType:
			p.Type = uint32(v)
		case polMinS:
			p.MinS, p.Ranged = int64(v), true
		case polMaxS:
			p.MaxS, p.Ranged = int64(v), true
		case polMinU:
			p.MinU, p.Ranged = v, true
		case polMaxU:
			p.MaxU, p.Ranged = v, true
		case polMinLen:
			p.MinLen = uint32(v)
		case polMaxLen:
			p.MaxLen = uint32(v)
		case polBits:
			p.Bits = uint32(v)
		case polMask:
			p.Mask = v
		}
	}
	return p, nil
}

// policyNames are the names of enum netlink_attribute_type, in its order.
var policyNames = [...]string{"invalid", "flag", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "binary", "string",
	"nul-terminated string", "nest", "nested array", "bitfield32", "sint", "uint"}

const (
	policyS8, policyS64 = 6, 9
	policyBitfield32    = 15
	policySint          = 16
)

// Signed reports whether MinS and MaxS are the range.
func (p *Policy) Signed() bool {
	return p.Type >= policyS8 && p.Type <= policyS64 || p.Type == policySint
}

// String says what is accepted: "u32 1..16777215".
func (p *Policy) String() string {
	s := fmt.Sprintf("type %d", p.Type)
	if p.Type < uint32(len(policyNames)) {
		s = policyNames[p.Type]
	}
	switch {
	case p.Ranged && p.Signed():
		s += fmt.Sprintf(" %d..%d", p.MinS, p.MaxS)
	case p.Ranged:
		s += fmt.Sprintf(" %d..%d", p.MinU, p.MaxU)
	case p.Mask != 0:
		s += fmt.Sprintf(" within %#x", p.Mask)
	case p.Type == policyBitfield32:
		s += fmt.Sprintf(" within %#x", p.Bits)
	case p.MinLen != 0 && p.MaxLen != 0:
		s += fmt.Sprintf(" of %d to %d bytes", p.MinLen, p.MaxLen)
	case p.MinLen != 0:
		s += fmt.Sprintf(" of at least %d bytes", p.MinLen)
	case p.MaxLen != 0:
		s += fmt.Sprintf(" of at most %d bytes", p.MaxLen)
	}
	return s
}

// Stamp writes into a finished message what only its sender knows: flags to
// set and to clear, and the sequence number; the port becomes 0. It fails when
// msg is not exactly one message, because the kernel silently skips what
// follows a wrong length.
func Stamp(msg []byte, set, clear uint16, seq uint32) error {
	if len(msg) < HeaderLen || uint64(getU32(msg)) != uint64(len(msg)) || align(len(msg)) != len(msg) {
		return &FrameError{0, fmt.Sprintf("%d bytes are not one whole message", len(msg))}
	}
	putU16(msg[6:], getU16(msg[6:])&^clear|set)
	putU32(msg[8:], seq)
	putU32(msg[12:], 0)
	return nil
}
