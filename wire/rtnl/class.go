package rtnl

import (
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Class is a class of a queueing discipline. Kernel: net/sched/sch_api.c.
var Class = &wire.Object{
	Name:    "class_",
	Doc:     "A class of a queueing discipline: tc class.",
	Table:   classTable,
	Subject: "dev",
	New:     unix.RTM_NEWTCLASS, Del: unix.RTM_DELTCLASS, Get: unix.RTM_GETTCLASS,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_NEWTCLASS, Flags: flagsAdd, Doc: "make it; an error when it exists"},
		{Name: "replace", Type: unix.RTM_NEWTCLASS, Flags: unix.NLM_F_CREATE, Doc: "make it, or change the one that is there"},
		{Name: "change", Type: unix.RTM_NEWTCLASS, Doc: "change the one that is there"},
		{Name: "delete", Type: unix.RTM_DELTCLASS, Doc: "remove it; an error while it has classes, or filters lead to it"},
	},
	Finish: finishClass,
	Key:    []string{"dev", "classid"},
	Delete: []string{"dev", "classid", "parent"},
	Rank:   rankClass,
	Canon:  canonClass,
	// Classes of kinds that have no table are made by their qdisc (mq, tbf).
	Foreign: func(s *wire.Set) bool { return !s.Has("kind") },

	Unlisted: filters,

	// A class cannot be moved, and its kind is that of its qdisc.
	Replace: func(f *wire.Field) bool { return f.Name == "kind" },
}

var classTable = &wire.Table{
	Name: "class", Doc: "a class of a queueing discipline", Fixed: 20, Head: "tcmsg",
	Lazy: func() []wire.Field {
		return append(append(tcHead("not used by classes", "device it is on"),
			wire.Field{Name: "classid", Kind: wire.U32, At: tcmsg, Off: 8, Handle: true, Doc: `its number, "1:10": that of its qdisc, and its own`},
			wire.Field{Name: "parent", Kind: wire.U32, At: tcmsg, Off: 12, Handle: true, Words: tcParents, Immutable: true, Doc: `class or qdisc above, "1:1" or "1:"`},
			wire.Field{Name: "leaf", Kind: wire.U32, At: tcmsg, Off: 16, Handle: true, RO: true, Volatile: true, Doc: "qdisc in the class"},
			wire.Field{Name: "kind", Type: unix.TCA_OPTIONS, Kind: wire.Union, OneOf: Classes, Doc: "kind and options: sch.htb_class(...)"},
		), tcTail()...)
	},
}

// Classes are the kinds of classes: each has the name of its qdisc, and _class.
var Classes = &wire.OneOf{
	Name: "sch", Tag: unix.TCA_KIND, TagNUL: true,
	Tables: []*wire.Table{schHTBClass},
}

func finishClass(s *wire.Set, v *wire.Verb) error {
	if !s.Has("dev") {
		return wire.At("dev", errMissing)
	}
	if !s.Has("classid") && !s.Has("parent") {
		return wire.At("classid", errMissing)
	}
	return nil
}

// canonClass: the kernel reports a class right under its qdisc with parent
// root, whichever way it was said.
func canonClass(s *wire.Set) {
	if p := s.Uint("parent"); p&tcMinor == 0 {
		s.PutName("parent", wire.IntVal(tcRoot))
	}
}
