package tx

import (
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// The operational states between which a device with carrier goes only when it is
// told to, unless its link mode is another (set_operstate in net/core/rtnetlink.c).
// In others than up, and unknown, it is as if there was no carrier.
var operStates = []string{"unknown", "up", "dormant", "testing"}

// statesBack tells links their operational state of before, and counts them. The
// kernel goes on from there by itself: it is asked for once, and not compared.
func (p *Plan) statesBack(k Kernel, now *state.State) (n int) {
	row := rtnl.Link.Table.Row("state")
	stateOf := func(e *state.Entry) string {
		v, _ := e.Set().Get("state")
		return row.Enum[min(v.N, uint64(len(row.Enum)-1))]
	}
	for _, was := range p.st.Before(rtnl.Link) {
		is := now.LinkByIndex(was.Index())
		if is == nil || !p.touch.has(was) || was.Set().Uint("mode") != 0 {
			continue
		}
		want, has := stateOf(was), stateOf(is)
		if want == "unknown" { // it cannot be asked for
			want = "up"
		}
		if want == has || has == "unknown" || !slices.Contains(operStates, want) || !slices.Contains(operStates, has) {
			continue
		}
		s := wire.NewSet(rtnl.Link.Table)
		s.PutName("index", wire.IntVal(uint64(is.Index())))
		s.PutName("state", wire.IntVal(uint64(slices.Index(row.Enum, want))))
		if sendOne(k.Conn, rtnl.Link, rtnl.Link.New, s) {
			n++
		}
	}
	return n
}
