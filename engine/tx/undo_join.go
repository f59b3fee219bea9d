package tx

import "github.com/nlscript/nlscript/wire"

// join makes one step of those that follow each other and that one message can
// say. Refused as a whole, they are taken one by one.
func (u *undoer) join() {
	var l []undoStep
	for _, s := range u.steps {
		if n := len(l) - 1; n >= 0 {
			if both := l[n].with(&s); both != nil {
				if msgs := u.encode(s.object, s.typ, 0, both); len(msgs) == 1 {
					if l[n].alt == nil {
						l[n].alt = [][]byte{l[n].msg}
					}
					l[n].alt = append(l[n].alt, s.msg)
					l[n].msg, l[n].set = msgs[0], both
					continue
				}
			}
		}
		l = append(l, s)
	}
	u.steps = l
}

// with is what a step and the next do, nil when that is not one message.
func (s *undoStep) with(next *undoStep) *wire.Set {
	if s.object != next.object || s.typ != next.typ || s.set == nil || next.set == nil {
		return nil
	}
	return s.object.Join(s.set, next.set)
}
