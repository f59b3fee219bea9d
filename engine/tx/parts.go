package tx

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// descriptors returns a message with the descriptors of the namespaces it names.
func (k Kernel) descriptors(s *Step) ([]byte, error) {
	msg := s.Msg
	for _, r := range s.Rel {
		name := rtnl.NetNS(r.Name)
		if name == "" {
			continue
		}
		if k.Spaces == nil {
			return nil, errSpaces
		}
		sp, err := k.Spaces.Open(builtins.PlaceOf(name), false)
		if err != nil {
			return nil, err
		}
		fd := uint32(sp.FD())
		msg = wire.Link(msg, []wire.Reloc{r}, func(string) uint32 { return fd })
	}
	return msg, nil
}

// inParts calls f for what the plan is in each namespace, in the order of first
// use: with the plan itself when it is in one.
func (p *Plan) inParts(k Kernel, f func(*Plan, Kernel) error) error {
	if p.parts == nil {
		return f(p, k)
	}
	for _, q := range p.parts {
		in, err := k.at(q)
		if err == nil {
			err = f(q, in)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) undoAll(ctx context.Context, k Kernel) (undone int, left []Residue, err error) {
	if p.parts == nil {
		return p.undo(ctx, k)
	}
	return p.undoParts(ctx, k)
}

// sweeps bounds how often undo goes over all namespaces: what is in one may have
// to wait for another.
const sweeps = 4

// undoParts undoes a commit over several namespaces, the last used first, until
// nothing differs in any.
func (p *Plan) undoParts(ctx context.Context, k Kernel) (undone int, left []Residue, err error) {
	if k.Spaces == nil {
		return 0, nil, errSpaces
	}
	for _, q := range p.parts {
		k.same(q) // where it is now; what is not there is told of below
	}
	p.pairUp(k)
	for sweep := 1; sweep <= sweeps; sweep++ {
		n := p.moveBack(ctx, k)
		left, err = nil, nil
		for _, q := range slices.Backward(p.parts) {
			in, why := k.same(q)
			if why != nil {
				if !q.made { // what was never there, or has gone by itself, is as it was
					left = append(left, Residue{Title: "netns " + q.Place.String(), Text: why.Error()})
				}
				continue
			}
			q.top = p
			in.sweep = sweep
			m, l, uerr := q.undo(ctx, in)
			n += m
			for _, r := range l {
				r.Place = q.Place
				left = append(left, r)
			}
			err = errors.Join(err, uerr)
		}
		undone += n
		if len(left) == 0 && err == nil || n == 0 && sweep > 1 || ctx.Err() != nil {
			break
		}
	}
	if err != nil || len(left) > 0 {
		return undone, left, err // what is left may be in a namespace that we made
	}
	for _, q := range slices.Backward(p.parts) {
		if !q.made {
			continue
		}
		if _, err := k.same(q); err != nil {
			k.Spaces.Clear(q.Place)
			continue
		}
		sp, err := k.Spaces.Open(q.Place, false)
		if err == nil {
			err = sp.Unbind()
		}
		if err != nil {
			left = append(left, Residue{Title: "netns " + q.Place.String(), Text: fmt.Sprintf("was not there; is there (%v)", err)})
		}
	}
	return undone, left, nil
}

// same is the kernel of a part's namespace, if that is still there. One that is no
// longer found where it was is looked for elsewhere, unless the commit made it.
func (k Kernel) same(q *Plan) (Kernel, error) {
	sp, err := k.Spaces.Open(q.Place, false)
	if err == nil && q.space != nil && q.space.Cookie != sp.Cookie {
		err = errors.New("is another one now")
	}
	if err == nil {
		return k.at(q)
	}
	if q.made || q.space == nil {
		return k, err
	}
	sp, ferr := k.Spaces.Find(q.space.Cookie)
	if ferr != nil || sp == nil {
		return k, err
	}
	q.Place = sp.Place
	return k.at(q)
}
