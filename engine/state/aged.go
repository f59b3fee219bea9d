package state

import (
	"time"

	"github.com/nlscript/nlscript/wire"
)

// Aged is the entry as it is some time later: what counts down has become less.
func (e *Entry) Aged(by time.Duration) *Entry {
	var set *wire.Set
	for _, x := range e.Set().Ents {
		if by < time.Second || !counts(x.F, x.V) {
			continue
		}
		if set == nil {
			set = e.Set().Clone()
		}
		set.Put(x.F, wire.IntVal(x.V.N-min(x.V.N, uint64(by/time.Second))))
	}
	if set == nil {
		return e
	}
	c := *e
	c.set = set
	return &c
}

// slack is what clocks, and the time that reading took, may differ by, in seconds.
const slack = 3

// Cut reports whether something of an object counts down and has much less left
// than it should: somebody has set it.
func Cut(should, is *wire.Set) bool {
	for _, x := range should.Ents {
		if v, ok := is.At(x.F); ok && counts(x.F, x.V) && counts(x.F, v) && v.N+slack < x.V.N {
			return true
		}
	}
	return false
}

// counts reports whether a row of an object counts down: a word (forever) does not.
func counts(f *wire.Field, v wire.Value) bool {
	return f.Ages && !f.Volatile && v.Type == wire.Int && f.Words.Name(v.N) == ""
}
