package rtnl

import "github.com/nlscript/nlscript/wire"

// Kinds without options.

var dummyKind = &wire.Table{Name: "dummy", Doc: "link that drops what it is given; a place for addresses"}

var ifbKind = &wire.Table{Name: "ifb", Doc: "intermediate functional block: link to redirect packets to, for shaping what comes in"}
