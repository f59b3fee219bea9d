package tx

import "context"

// still looks once more at what others did, before anything is sent: a conflict
// that is known now disturbs nobody. When announcements were lost, what the plan
// touches is read again and compared.
func (p *Plan) still(ctx context.Context, k Kernel) error {
	return p.inParts(k, func(p *Plan, k Kernel) error {
		if k.Mon == nil {
			return nil
		}
		if err := k.Mon.heed(p); err != nil || !k.Mon.lost {
			return err
		}
		k.Mon.lost, p.deaf = false, false // what was missed is read now
		p.st.From(Source{k.Conn})
		now, err := p.st.AgainWhole(ctx)
		if err != nil {
			return err
		}
		u := undoer{plan: p, now: now, refused: map[orderKey]string{}}
		u.diff()
		if left := u.residues(); len(u.steps) > 0 && len(left) > 0 {
			return &ConflictError{Title: left[0].Title}
		}
		return nil
	})
}
