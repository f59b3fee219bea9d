package tx

import (
	"fmt"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
)

// imagePlace is a network namespace in a journal: how it is found, and the
// cookie that tells whether what is found is still the same.
type imagePlace struct {
	Name   string
	Path   string
	PID    int
	Cookie uint64
	Made   bool // by the commit
}

func codePlace(c *coder, p *imagePlace) {
	codeData(c, &p.Name)
	codeData(c, &p.Path)
	codeInt(c, &p.PID)
	codeInt(c, &p.Cookie)
	codeBool(c, &p.Made)
}

// imageMove is a link that changes between two parts, by their numbers.
type imageMove struct {
	From  int
	To    int
	Name  string
	Index uint32
	Ends  bool
}

func codeMove(c *coder, m *imageMove) {
	codeInt(c, &m.From)
	codeInt(c, &m.To)
	codeData(c, &m.Name)
	codeInt(c, &m.Index)
	codeBool(c, &m.Ends)
}

func (p *Plan) imageParts() *image {
	img := &image{}
	number := map[*Plan]int{}
	for i, q := range p.parts {
		number[q] = i
		part := q.image()
		part.NetNS = &imagePlace{Cookie: q.space.Cookie, Made: q.made}
		if q.Place != nil {
			part.NetNS.Name, part.NetNS.Path, part.NetNS.PID = q.Place.Name, q.Place.Path, q.Place.PID
		}
		img.Parts = append(img.Parts, part)
	}
	for _, m := range p.moves {
		img.Moves = append(img.Moves, imageMove{number[m.from], number[m.to], m.name, m.index, m.ends})
	}
	return img
}

// cookies are those of the namespaces of a commit over several.
func (p *Plan) cookies() []uint64 {
	var l []uint64
	for _, q := range p.parts {
		l = append(l, q.space.Cookie)
	}
	return l
}

func (img *image) planParts(src state.Source) (*Plan, error) {
	p := &Plan{touch: newTouch()}
	for _, part := range img.Parts {
		q, err := part.plan(src)
		if err != nil {
			return nil, err
		}
		if n := part.NetNS; n != nil {
			q.space, q.made = &Space{Cookie: n.Cookie}, n.Made
			if at := (builtins.Place{Name: n.Name, Path: n.Path, PID: n.PID}); at != (builtins.Place{}) {
				q.Place = &at
			}
		}
		p.parts = append(p.parts, q)
	}
	for _, m := range img.Moves {
		if min(m.From, m.To) < 0 || max(m.From, m.To) >= len(p.parts) {
			return nil, fmt.Errorf("link %s moves between namespaces that are not there", m.Name)
		}
		p.noteMove(move{p.parts[m.From], p.parts[m.To], m.Name, m.Index, m.Ends})
	}
	return p, nil
}
