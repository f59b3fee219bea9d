package tx

import (
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// losesBackup ends the note on a port that loses the one that backs it.
const losesBackup = " loses its backup_port"

// backsNone takes ports that leave their bridge from those that they back
// (nbp_backup_clear).
func (p *planner) backsNone(leave ...*state.Entry) {
	for _, x := range p.st.All(rtnl.Link) {
		port, _ := x.Set().Get("port")
		if port.Sub == nil || port.Sub.Table.Row("backup_port") == nil || slices.Contains(leave, x) {
			continue
		}
		backup := uint32(port.Sub.Uint("backup_port"))
		if !slices.ContainsFunc(leave, func(e *state.Entry) bool { return e.Index() == backup }) {
			continue
		}
		p.plan.touch.key(x.Object, x.Key)
		p.remarks = append(p.remarks, "link "+x.Name()+in(p.plan.Place)+losesBackup)
		p.freed = append(p.freed, x)
		without := x.Set().Clone()
		without.PutName("port", withoutBackup(port))
		p.st.Change(x, without)
	}
}

// withoutBackup is a port that does not say which other one backs it.
func withoutBackup(v wire.Value) wire.Value {
	sub := v.Sub.Clone()
	if sub.Table.Row("backup_port") != nil {
		sub.Del("backup_port")
	}
	return wire.SubVal(sub)
}
