package tx

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// An object that was not there before and is there now was made by us, or by
// another program that was quicker. Content does not tell when both want the
// same; what the kernel said to our message does.

// A fate is what became of a step.
type fate uint8

const (
	unsent   fate = iota // it was not handed to the kernel
	inFlight             // it may have been; what the kernel said is not known
	accepted
	refused // perhaps after it had taken effect in part
	existed // refused because there is such an object: it did nothing
)

// fateOf is the fate of a step that the kernel answered.
func fateOf(msg []byte, errno syscall.Errno) fate {
	switch {
	case errno == 0:
		return accepted
	case errno == unix.EEXIST:
		if _, flags := wire.TypeFlags(msg); flags&unix.NLM_F_EXCL != 0 {
			return existed
		}
	}
	return refused
}

// A hand is whose an object is that a plan was to make.
type hand uint8

const (
	byUs     hand = iota
	byNobody      // who made it cannot be told
	byOthers
)

// whose tells whose an object is that was not there before. What no message of the
// plan is about is another program's when nothing brings its like along; else it
// came with one, and is ours.
func (p *Plan) whose(e *state.Entry) hand {
	if e.ByKernel() {
		return byUs
	}
	if p.hands == nil {
		p.hands = p.tellHands()
	}
	h, told := p.hands[handOf(e)]
	if !told {
		if x := p.touch.origin(e); x != nil {
			h, told = p.hands[handOf(x)]
		}
	}
	if !told && e.Object.Alone && !p.touch.all && !beside(e.Object, e.Set()) {
		return byOthers
	}
	return h
}

// handOf is how messages name an object: links that the kernel gives an index by
// their name.
func handOf(e *state.Entry) orderKey {
	if e.Object == rtnl.Link {
		return orderKey{e.Object, e.Name()}
	}
	return orderKey{e.Object, e.Key}
}

// tellHands finds whose the objects are that messages were to make.
func (p *Plan) tellHands() map[orderKey]hand {
	hands := map[orderKey]hand{}
	p.eachMade(func(f fate, k orderKey) {
		h := byUs
		switch f {
		case inFlight:
			h = byNobody
		case unsent, existed:
			h = byOthers
		}
		if old, ok := hands[k]; !ok || h < old {
			hands[k] = h
		}
	})
	return hands
}

// eachMade calls f for the objects that messages were to make.
func (p *Plan) eachMade(f func(fate, orderKey)) {
	top := p
	if p.top != nil {
		top = p.top
	}
	for i, fate := range top.fates {
		s := &top.Steps[i]
		if s.makes() && (p.top == nil || s.part == p) {
			f(fate, handOf(state.NewEntry(s.Object, s.Msg, p.st.Names)))
		}
	}
}

// makes reports whether the step's message may make an object.
func (s *Step) makes() bool {
	if s.Object == nil || len(s.Msg) < wire.HeaderLen {
		return false
	}
	typ, flags := wire.TypeFlags(s.Msg)
	return typ == s.Object.New && (s.Object.Adds || flags&unix.NLM_F_CREATE != 0)
}
