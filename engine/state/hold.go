package state

import "github.com/nlscript/nlscript/wire"

// Hold puts in an object that was there from the first, in another place, say: s
// is canonical, devices by index. Unlike Add it is no change.
func (st *State) Hold(o *wire.Object, s *wire.Set) { st.put(&Entry{Object: o, set: s}, s) }
