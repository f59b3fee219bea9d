package state

import (
	"time"

	"github.com/nlscript/nlscript/wire"
)

// Aged is the entry as it is some time later: what counts down has become less. nil
// when its time is over.
func (e *Entry) Aged(by time.Duration) *Entry {
	var set *wire.Set
	for _, x := range e.Set().Ents {
		if !counts(x.F, x.V) {
			continue
		}
		left := wire.IntVal(x.V.N - min(x.V.N, uint64(by/time.Second)))
		if over(x.F, left) {
			return nil
		}
		if left.N == x.V.N {
			continue
		}
		if set == nil {
			set = e.Set().Clone()
		}
		set.Put(x.F, left)
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
	return f.Ages && v.Type == wire.Int && f.Words.Name(v.N) == ""
}

// over reports whether the time of an object has run out, and the kernel has yet to see.
func over(f *wire.Field, v wire.Value) bool { return f.Dies && v.Type == wire.Int && v.N == 0 }
