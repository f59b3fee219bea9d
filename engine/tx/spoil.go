package tx

import (
	"context"
	"fmt"

	"github.com/nlscript/nlscript/internal/faults"
)

// spoil replaces what a test wants refused.
func spoil(ctx context.Context, steps []Step) {
	f := faults.Of(ctx)
	if f == nil {
		return
	}
	for i := range steps {
		s := &steps[i]
		if s.Wait != nil || s.NetNS != nil {
			continue
		}
		x := faults.Step{Object: s.Object, Msg: s.Msg}
		if s.Op.Site != nil && len(s.Op.Site.Frames) > 0 {
			x.Pos = fmt.Sprintf("%s:%d", s.Op.Site.Frames[0].File, s.Op.Site.Frames[0].Line)
		}
		if s.Sysctl == nil {
			s.Msg = f.Pass(x).Msg
			continue
		}
		x.Sysctl, x.Value = s.Sysctl.Name, s.Sysctl.Value
		changed := *s.Sysctl
		changed.Value = f.Pass(x).Value
		s.Sysctl = &changed
	}
}
