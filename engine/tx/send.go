package tx

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/wire"
)

// Kernel is what a commit needs of a namespace.
type Kernel struct {
	Conn *nlconn.Conn
	Sys  Sysctls
	Mon  *Monitor  // nil: what others do meanwhile is not noticed
	NS   Namespace // for waits and checks; nil: there can be none

	Spaces Spaces // other namespaces; nil: none can be reached

	// Of an undo over several namespaces, from 1. The first does not wait: what for may come
	// with another namespace, as carrier does with the other end of a veth.
	sweep int
}

// A KernelError is the kernel's refusal of one message.
type KernelError struct {
	Op      *builtins.Op
	Object  *wire.Object
	Path    string // attribute at fault, in the script's words; "" not said
	Errno   syscall.Errno
	Message string // the kernel's own text; may be empty
	Sent    string // value that was refused, "" not known
	Legal   string // what is legal in its place
	index   string // the message was to create this link with an assigned index
}

func (e *KernelError) Error() string {
	s := Title(e.Op) + ": "
	if e.Path != "" {
		s += e.Path + ": "
	}
	return s + e.Text()
}

// Text is what the kernel says, with the name of the errno.
func (e *KernelError) Text() string {
	name := ErrnoName(e.Errno)
	text := e.Message
	switch text {
	case "Unknown device type":
		text += "; the kernel has no such kind, or lacks its module"
	case "":
		text = e.Errno.Error()
		if hint := hints[e.Errno]; hint != "" {
			text += "; " + hint
		}
	}
	return text + " (" + name + ")"
}

// ErrnoName is the kernel's name of an errno.
func ErrnoName(e syscall.Errno) string {
	if e == unix.EOPNOTSUPP {
		return "EOPNOTSUPP" // one number, two names
	}
	if name := unix.ErrnoName(e); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", int(e))
}

// hints say more where the kernel leaves it at a number.
var hints = map[syscall.Errno]string{
	unix.EPERM:      "root, or CAP_NET_ADMIN in this network namespace, is needed; try run --sandbox",
	unix.EOPNOTSUPP: "the kernel or the device does not support it",
}

func (e *KernelError) Unwrap() error { return e.Errno }

// Progress is told how many of how many steps are done.
type Progress func(done, total int)

// send sends the steps of a plan, datagram by datagram, and stops at the first
// failure. done is how many steps have been handed to the kernel, the refused
// ones among them; failed how many messages were refused.
func send(ctx context.Context, k Kernel, p *Plan, progress Progress) (done, failed int, err error) {
	steps := p.Steps
	spoil(ctx, steps)
	p.begins()
	p.fates = make([]fate, len(steps))
	for _, q := range p.parts {
		q.top = p
	}
	batch := make([][]byte, 0, nlconn.Window)
	for done < len(steps) {
		if ctx.Err() != nil {
			return done, failed, context.Cause(ctx)
		}
		in, err := k.at(steps[done].part)
		if err != nil {
			return done, failed, err
		}
		if sp := steps[done].NetNS; sp != nil {
			if err := sp.Bind(); err != nil {
				return done + 1, failed, &OpError{steps[done].Op, "", err}
			}
			done++
			continue
		}
		if s := steps[done].Sysctl; s != nil {
			if err := in.Sys.Write(s.Path, s.Value); err != nil {
				steps[done].refused = true
				return done + 1, failed, &OpError{steps[done].Op, "", err}
			}
			done++
			continue
		}
		if steps[done].Wait != nil {
			err := in.wait(ctx, &steps[done])
			if conflict := k.heed(p); conflict != nil {
				err = conflict
			}
			if err != nil {
				return done, failed, err
			}
			done++
			continue
		}
		if src := steps[done].Source; src.IsValid() {
			if err := waitDAD(ctx, in, src); err != nil {
				return done, failed, err
			}
		}
		n := window(steps[done:], in.Conn.MaxDatagram())
		batch = batch[:0]
		for i := range steps[done : done+n] {
			msg, err := k.descriptors(&steps[done+i])
			if err != nil {
				return done, failed, &OpError{steps[done+i].Op, "netns", err}
			}
			batch = append(batch, msg)
		}
		if err := p.log.sending(done, n, in.Conn.NextSeq(), steps[done].part.cookie()); err != nil {
			return done, failed, err
		}
		for i := range n {
			p.fates[done+i] = accepted // until something else is heard: it is undone as if it were
		}
		var first *KernelError
		var unnoted error
		err = in.Conn.Transact(batch, func(i int, r wire.Reply) {
			s := &steps[done+i]
			if f := fateOf(s.Msg, r.Errno); f != accepted {
				p.fates[done+i] = f
				unnoted = errors.Join(unnoted, p.log.answered(done+i, r.Errno))
			}
			if i == n-1 {
				unnoted = errors.Join(unnoted, p.log.sent(done+n))
			}
			if r.Errno == 0 || alreadyGone(s, r.Errno) {
				return
			}
			failed++
			steps[done+i].refused = true
			if first == nil {
				first = refusal(s, r)
			}
		})
		for i := range n {
			if p.fates[done+i] == accepted || err != nil {
				p.accepted(&steps[done+i])
			}
		}
		done += n
		if first != nil {
			return done, failed, first
		}
		if err == nil {
			err = unnoted
		}
		if err == nil {
			err = k.heed(p)
		}
		if err != nil {
			return done, failed, err
		}
		if progress != nil {
			progress(done, len(steps))
		}
	}
	return done, failed, nil
}

// alreadyGone reports whether a refusal says that what shall not be is not:
// something else of the batch, or another program, has removed it.
func alreadyGone(s *Step, e syscall.Errno) bool {
	if s.Op == nil || !s.Op.Absent {
		return false
	}
	switch e {
	case unix.ENOENT, unix.ESRCH, unix.ENODEV, unix.EADDRNOTAVAIL:
		return true
	}
	return false
}

// window is how many of the steps the next datagram takes.
func window(steps []Step, size int) int {
	n := 0
	for i, s := range steps {
		if i == nlconn.Window || i > 0 && (s.Fence || s.Source.IsValid() || steps[i-1].Index != "" && s.Index == "") || s.Sysctl != nil || s.Wait != nil || s.NetNS != nil || s.part != steps[0].part {
			return i
		}
		n += (len(s.Msg) + 3) &^ 3
		if n > size && i > 0 {
			return i
		}
	}
	return len(steps)
}

// refusal explains a reply by the message that was sent.
func refusal(s *Step, r wire.Reply) *KernelError {
	e := &KernelError{Op: s.Op, Object: s.Object, Errno: r.Errno, Message: r.Message, index: s.Index}
	o := s.Object
	if o == nil {
		return e
	}
	switch {
	case r.MissType >= 0:
		e.Path = o.LocateMissing(s.Msg, r.MissNest, r.MissType)
		if e.Message == "" {
			e.Message = "is missing"
		}
	case r.Offset > 0:
		e.Path = o.Locate(s.Msg, r.Offset)
		if row, v := o.Row(s.Msg, r.Offset); row != nil {
			e.Legal = row.Legal()
			if v.Type != wire.None && v.Type != wire.SetVal && v.Type != wire.ListVal {
				e.Sent = row.Text(v, nil)
			}
		}
		if r.Policy != nil {
			e.Legal = legalOf(r.Policy, e.Legal)
		}
	}
	return e
}

// legalOf is the range the kernel itself names.
func legalOf(p *wire.Policy, def string) string {
	switch {
	case !p.Ranged:
		return def
	case p.MinS != 0 || p.MaxS != 0:
		return fmt.Sprintf("%d..%d", p.MinS, p.MaxS)
	}
	return fmt.Sprintf("%d..%d", p.MinU, p.MaxU)
}

// collided reports whether an index we assigned was taken meanwhile.
func collided(err error) bool {
	var k *KernelError
	return errors.As(err, &k) && k.index != "" && k.Errno == unix.EEXIST
}

// messages counts the netlink messages among steps.
func messages(steps []Step) int {
	n := 0
	for _, s := range steps {
		if s.Msg != nil {
			n++
		}
	}
	return n
}

// written counts the sysctls among steps that were written.
func written(steps []Step) int {
	n := 0
	for _, s := range steps {
		if s.Sysctl != nil && !s.refused {
			n++
		}
	}
	return n
}

// What is a word for what the plan sends: "routes", or "messages" when they are of
// several kinds.
func (p *Plan) What() string {
	for _, s := range p.Steps {
		if s.Object == nil || s.Object != p.Steps[0].Object {
			return "messages"
		}
	}
	return strings.TrimSuffix(p.Steps[0].Object.Name, "_") + "s"
}

// heed takes what others did meanwhile into account.
func (k Kernel) heed(p *Plan) error {
	if k.Mon == nil {
		return nil
	}
	return p.inParts(k, func(p *Plan, k Kernel) error { return k.Mon.heed(p) })
}
