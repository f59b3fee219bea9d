package rtnl

import (
	"errors"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Qdisc is a queueing discipline: of a device (parent root), of a class, or a
// place for filters (ingress, clsact). Kernel: net/sched/sch_api.c.
var Qdisc = &wire.Object{
	Name:    "qdisc",
	Doc:     "A queueing discipline: at the root of a device, in a class, or a place for filters (ingress, clsact).",
	Table:   qdiscTable,
	Subject: "dev",
	New:     unix.RTM_NEWQDISC, Del: unix.RTM_DELQDISC, Get: unix.RTM_GETQDISC,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_NEWQDISC, Flags: flagsAdd, Doc: "make it; an error when the place is taken, by other than the default"},
		{Name: "replace", Type: unix.RTM_NEWQDISC, Flags: flagsReplace, Doc: "make it in the place of another, or change the one of this kind that is there"},
		{Name: "change", Type: unix.RTM_NEWQDISC, Doc: "change the options of the one that is there"},
		{Name: "link", Type: unix.RTM_NEWQDISC, Flags: unix.NLM_F_REPLACE, Doc: "put one that exists by its handle in this place, and change its options"},
		{Name: "delete", Type: unix.RTM_DELQDISC, Doc: "remove it with its classes and filters; the default comes back"},
	},
	Finish: finishQdisc,
	Key:    []string{"dev", "parent"},
	Delete: []string{"dev", "parent", "handle"},
	Rank:   rankQdisc,
	Canon:  canonQdisc,
	// Handle 0 is the default that the kernel puts where nobody put another.
	Foreign: func(s *wire.Set) bool { return s.Uint("handle") == 0 && s.Has("refcnt") },

	Irreversible: irreversibleTC,
	Unlisted:     filters,

	// The options of the kind change in place, unless their row is Immutable. With
	// another kind or number another takes the place, but not both have one number.
	Replace: func(f *wire.Field) bool { return f.Name == "kind" || f.Name == "stab" || f.Name == "handle" },
	Clash: func(want, have *wire.Set) bool {
		w, _ := want.Get("kind")
		h, _ := have.Get("kind")
		return w.Sub != nil && h.Sub != nil && w.Sub.Table != h.Sub.Table && want.Uint("handle") == have.Uint("handle")
	},
}

var qdiscTable = &wire.Table{
	Name: "qdisc", Doc: "a queueing discipline", Fixed: 20, Head: "tcmsg",
	Lazy: func() []wire.Field {
		return append(append(tcHead("not used by qdiscs", "device it is on"),
			wire.Field{Name: "handle", Kind: wire.U32, At: tcmsg, Off: 8, Handle: true, Loose: true, Doc: `its number, "1:"; classes are numbered under it; one from 8000: on is chosen by the kernel without it`},
			wire.Field{Name: "parent", Kind: wire.U32, At: tcmsg, Off: 12, Handle: true, Words: tcParents, Doc: `place: root, or a class by its number, "1:10"; ingress and clsact have their own`},
			wire.Field{Name: "refcnt", Kind: wire.U32, At: tcmsg, Off: 16, RO: true, Volatile: true, Doc: "users of the qdisc"},
			wire.Field{Name: "kind", Type: unix.TCA_OPTIONS, Kind: wire.Union, OneOf: Qdiscs, Doc: "kind and options: sch.htb(...)"},
			wire.Field{Name: "ingress_block", Type: unix.TCA_INGRESS_BLOCK, Kind: wire.U32, Min: 1, Immutable: true, Doc: "ingress, clsact: block of filters for what comes in, shared by its number"},
			wire.Field{Name: "egress_block", Type: unix.TCA_EGRESS_BLOCK, Kind: wire.U32, Min: 1, Immutable: true, Doc: "clsact: block of filters for what goes out, shared by its number"},
			wire.Field{Name: "stab", Type: unix.TCA_STAB, Kind: wire.Nest, Of: stabTable, Doc: "how long packets count as: with the headers and the cells of the link"},
			wire.Field{Name: "dump_invisible", Type: unix.TCA_DUMP_INVISIBLE, Kind: wire.Flag, WO: true, Doc: "of a request that lists: also what is hidden"},
			wire.Field{Name: "offloaded", Type: unix.TCA_HW_OFFLOAD, Kind: wire.Bool, RO: true, Volatile: true, Doc: "the hardware does it"},
		), tcTail()...)
	},
}

// Qdiscs are the kinds of queueing disciplines.
var Qdiscs = &wire.OneOf{
	Name: "sch", Tag: unix.TCA_KIND, TagNUL: true,
	Tables: []*wire.Table{
		schBfifo, schClsact, schHTB, schIngress, schMQ, schNoqueue, schPfifo, schPfifoFast, schPfifoHeadDrop, schTBF,
	},
}

func finishQdisc(s *wire.Set, v *wire.Verb) error {
	if !s.Has("dev") {
		return wire.At("dev", errMissing)
	}
	if k, ok := s.Get("kind"); ok && (k.Sub.Table == schIngress || k.Sub.Table == schClsact) {
		s.Default("parent", wire.IntVal(tcIngress))
	}
	if s.Uint("parent") == tcIngress {
		s.Default("handle", wire.IntVal(tcIngressHandle))
	}
	if s.Uint("parent") == 0 && s.Uint("handle") == 0 {
		return wire.At("parent", errors.New(`is missing: "root", or a class such as "1:10"`))
	}
	return nil
}

// canonQdisc keeps handles that the kernel chose: another qdisc or class may
// name them, and an undo brings them back.
func canonQdisc(s *wire.Set) {
	if k, ok := s.Get("kind"); ok && k.Sub.Table == schTBF {
		sub := k.Sub.Clone()
		canonTBF(sub)
		s.PutName("kind", wire.SubVal(sub))
	}
}
