package tx

import (
	"fmt"
	"time"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// image is a commit in a journal.
type image struct {
	Scopes   []imageScope
	Keys     map[string][][]byte
	Indexes  []uint32
	Links    []string
	Asked    []string
	Before   map[string][][]byte
	Sysctls  []imageSysctl
	Settings []imageSysctl // of devices
	Untabled []imageUntabled
	Cuts     []imageCut
	Names    map[uint32]string // of links, for labels of addresses
	Count    int               // of steps
	Taken    time.Duration     // when the state before was read (CLOCK_BOOTTIME)
	Makes    []imageStep       // those that make objects

	progress progress // from the records behind it

	NetNS *imagePlace // nil: that of the run
	Parts []*image    // of a commit over several; it has nothing else but moves
	Moves []imageMove
}

func codeImage(c *coder, img *image) {
	codeList(c, &img.Scopes, codeScope)
	codeMap(c, &img.Keys, codeData[string], codeMessages)
	codeList(c, &img.Indexes, codeInt[uint32])
	codeList(c, &img.Links, codeData[string])
	codeList(c, &img.Asked, codeData[string])
	codeMap(c, &img.Before, codeData[string], codeMessages)
	codeList(c, &img.Sysctls, codeSysctl)
	codeList(c, &img.Settings, codeSysctl)
	codeList(c, &img.Untabled, codeUntabled)
	codeList(c, &img.Cuts, codeCut)
	codeMap(c, &img.Names, codeInt[uint32], codeData[string])
	codeInt(c, &img.Count)
	codeInt(c, &img.Taken)
	codeList(c, &img.Makes, codeStep)
	codeOptional(c, &img.NetNS, codePlace)
	codeList(c, &img.Parts, func(c *coder, p **image) { codeOptional(c, p, codeImage) })
	codeList(c, &img.Moves, codeMove)
}

type imageScope struct {
	Object string
	Family uint8
	Table  uint32
	Dev    uint32
	Route  []byte
}

func codeScope(c *coder, s *imageScope) {
	codeData(c, &s.Object)
	codeInt(c, &s.Family)
	codeInt(c, &s.Table)
	codeInt(c, &s.Dev)
	codeData(c, &s.Route)
}

type imageSysctl struct {
	Path  string
	Name  string
	Old   string
	Known bool
}

func codeSysctl(c *coder, s *imageSysctl) {
	codeData(c, &s.Path)
	codeData(c, &s.Name)
	codeData(c, &s.Old)
	codeBool(c, &s.Known)
}

type imageUntabled struct {
	Object string
	Key    []byte
	What   string
	Count  int
}

func codeUntabled(c *coder, u *imageUntabled) {
	codeData(c, &u.Object)
	codeData(c, &u.Key)
	codeData(c, &u.What)
	codeInt(c, &u.Count)
}

// image is what a plan needs to be undone.
func (p *Plan) image() *image {
	if p.parts != nil {
		return p.imageParts()
	}
	img := &image{Taken: p.taken, Keys: map[string][][]byte{}, Before: map[string][][]byte{}}
	for _, sc := range p.st.Scopes() {
		img.Scopes = append(img.Scopes, imageScope{sc.Object.Name, sc.Family, sc.Table, sc.Dev, []byte(sc.Route)})
	}
	for o, keys := range p.touch.keys {
		for k := range keys {
			img.Keys[o.Name] = append(img.Keys[o.Name], []byte(k))
		}
	}
	for i := range p.touch.indexes {
		img.Indexes = append(img.Indexes, i)
	}
	for n := range p.touch.links {
		img.Links = append(img.Links, n)
	}
	for k := range p.touch.asked {
		img.Asked = append(img.Asked, k)
	}
	if len(p.touch.keys[rtnl.Addr])+len(p.touch.indexes) > 0 {
		img.Names = map[uint32]string{}
		for _, e := range p.st.Before(rtnl.Link) {
			img.Names[e.Index()] = e.Name()
		}
	}
	again := orderly(p.touch)
	for _, o := range rtnl.Objects {
		for _, e := range p.st.Before(o) {
			if p.touch.ours(e) && (p.touch.has(e) || again[o] || p.standsBy(e)) {
				img.Before[o.Name] = append(img.Before[o.Name], e.Message())
			}
		}
	}
	for _, s := range p.sysctls {
		img.Sysctls = append(img.Sysctls, imageSysctl{s.s.Path, s.s.Name, s.old, s.known})
	}
	for _, s := range p.settings {
		img.Settings = append(img.Settings, imageSysctl{s.s.Path, s.s.Name, s.old, s.known})
	}
	for _, u := range p.untabled {
		img.Untabled = append(img.Untabled, imageUntabled{u.object.Name, []byte(u.key), u.what, u.count})
	}
	for _, c := range p.cuts {
		img.Cuts = append(img.Cuts, c.image())
	}
	return img
}

// orderly are the objects of which more than what is touched is kept, because
// order among them has meaning.
func orderly(t *touch) map[*wire.Object]bool {
	return map[*wire.Object]bool{rtnl.Addr: len(t.keys[rtnl.Addr]) > 0 || len(t.indexes) > 0, rtnl.Rule: len(t.keys[rtnl.Rule]) > 0}
}

// plan is a plan that can be undone and nothing else.
func (img *image) plan(src state.Source) (*Plan, error) {
	if img.Parts != nil {
		return img.planParts(src)
	}
	objects := map[string]*wire.Object{}
	for _, o := range rtnl.Objects {
		objects[o.Name] = o
	}
	object := func(name string) (*wire.Object, error) {
		if o := objects[name]; o != nil {
			return o, nil
		}
		return nil, fmt.Errorf("unknown object %q", name)
	}
	st := state.New(src)
	for i, name := range img.Names {
		st.Call(i, name)
	}
	p := &Plan{st: st, touch: newTouch(), taken: img.Taken}
	for _, sc := range img.Scopes {
		o, err := object(sc.Object)
		if err != nil {
			return nil, err
		}
		st.Expect(state.Scope{Object: o, Family: sc.Family, Table: sc.Table, Dev: sc.Dev, Route: string(sc.Route)})
	}
	for name, keys := range img.Keys {
		o, err := object(name)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			p.touch.key(o, string(k))
		}
	}
	for _, i := range img.Indexes {
		p.touch.link(i)
	}
	for _, k := range img.Asked {
		p.touch.asked[k] = true
	}
	for _, n := range img.Links {
		p.touch.links[n] = true
	}
	for name, msgs := range img.Before {
		o, err := object(name)
		if err != nil {
			return nil, err
		}
		for _, m := range msgs {
			st.Report(o, m)
		}
	}
	for _, s := range img.Sysctls {
		p.sysctls = append(p.sysctls, sysctlImage{&builtins.Sysctl{Path: s.Path, Name: s.Name}, s.Old, s.Known})
	}
	for _, s := range img.Settings {
		p.settings = append(p.settings, sysctlImage{&builtins.Sysctl{Path: s.Path, Name: s.Name}, s.Old, s.Known})
	}
	for _, u := range img.Untabled {
		o, err := object(u.Object)
		if err != nil {
			return nil, err
		}
		if o.Unlisted == nil {
			return nil, errRecordDamaged
		}
		p.untabled = append(p.untabled, untabled{o, string(u.Key), u.What, u.Count})
	}
	for _, c := range img.Cuts {
		p.cuts = append(p.cuts, c.cut())
	}
	return p, nil
}
