package tx

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Behind a commit the journal says how far it got: which datagram is about to be
// sent, what the kernel answered, what other programs were heard to do. Answers
// and announcements leave the socket only when they are noted (nlconn.Conn.Keep),
// so that together with the sockets, which a watcher holds, nothing is missing
// when the process is killed. Testify adds what they hold.
//
// These records are not synced: they have to outlive the process, not the machine.

// imageStep is a step that makes an object.
type imageStep struct {
	N      int
	Part   int
	Object string
	Msg    []byte
}

func codeStep(c *coder, s *imageStep) {
	codeInt(c, &s.N)
	codeInt(c, &s.Part)
	codeData(c, &s.Object)
	codeData(c, &s.Msg)
}

// imageSending is a datagram that is about to be sent, or, with N 0, that was
// not after all.
type imageSending struct {
	From  int // the first of the steps
	N     int
	Seq   uint32
	NetNS uint64 // 0: that of the run
}

func codeSending(c *coder, s *imageSending) {
	codeInt(c, &s.From)
	codeInt(c, &s.N)
	codeInt(c, &s.Seq)
	codeInt(c, &s.NetNS)
}

// imageAnswer is a refusal.
type imageAnswer struct {
	Step  int
	Errno syscall.Errno
}

func codeAnswer(c *coder, a *imageAnswer) {
	codeInt(c, &a.Step)
	codeInt(c, &a.Errno)
}

// imageHeard is an announcement of what another program did.
type imageHeard struct {
	NetNS uint64
	Msg   []byte
}

func codeHeard(c *coder, h *imageHeard) {
	codeInt(c, &h.NetNS)
	codeData(c, &h.Msg)
}

func (j *Journal) progress(r record) error {
	if j == nil {
		return nil
	}
	if err := j.record(r, false); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (j *Journal) sending(from, n int, seq uint32, cookie uint64) error {
	return j.progress(record{Sending: &imageSending{from, n, seq, cookie}})
}

func (j *Journal) answered(step int, errno syscall.Errno) error {
	return j.progress(record{Answer: &imageAnswer{step, errno}})
}

func (j *Journal) sent(steps int) error { return j.progress(record{Sent: steps}) }

func (j *Journal) heard(p *Plan, m wire.Message) error {
	if j == nil {
		return nil
	}
	return j.progress(record{Heard: &imageHeard{j.namespace(p.cookie()), m.Bytes}})
}

// namespace is the cookie of a namespace for which 0 may stand: the run's own.
func (j *Journal) namespace(cookie uint64) uint64 {
	if cookie == 0 {
		return j.head.Cookie
	}
	return cookie
}

// Back notes that the last commit was undone, and is not to be undone again.
func (j *Journal) Back() error { return j.progress(record{Back: true}) }

// cookie is that of the namespace of a part, 0 for that of the run alone.
func (p *Plan) cookie() uint64 {
	if p == nil || p.space == nil {
		return 0
	}
	return p.space.Cookie
}

// progress is how far a commit got.
type progress struct {
	sending imageSending // the last
	sent    int
	answers []imageAnswer
	heard   []imageHeard
	back    bool
}

func (p *progress) note(r *record) {
	switch {
	case r.Sending != nil:
		p.sending = *r.Sending
	case r.Answer != nil:
		p.answers = append(p.answers, *r.Answer)
	case r.Sent != 0:
		p.sent = r.Sent
	case r.Heard != nil:
		p.heard = append(p.heard, *r.Heard)
	case r.Back:
		p.back = true
	}
}

// later takes in a record behind a later commit: what others did is news to all, as
// pass has it.
func (p *progress) later(r *record) {
	if r.Heard == nil {
		return
	}
	for m, err := range wire.Messages(r.Heard.Msg) {
		if err != nil || aboutVLANs(m) {
			return
		}
	}
	p.heard = append(p.heard, *r.Heard)
}

// open reports whether answers to the last datagram may be missing.
func (p *progress) open() bool { return p.sending.N > 0 && p.sending.From+p.sending.N > p.sent }

// imageSteps notes the steps that make objects.
func (p *Plan) imageSteps(img *image) {
	number := map[*Plan]int{}
	for i, q := range p.parts {
		number[q] = i
	}
	img.Count = len(p.Steps)
	for i := range p.Steps {
		if s := &p.Steps[i]; s.makes() {
			img.Makes = append(img.Makes, imageStep{i, number[s.part], s.Object.Name, s.Msg})
		}
	}
}

// restored is the plan of a commit, with what became of it; home is the cookie of
// the run's own namespace.
func (img *image) restored(src state.Source, home uint64) (*Plan, error) {
	p, err := img.plan(src)
	if err != nil {
		return nil, err
	}
	objects := map[string]*wire.Object{}
	for _, o := range rtnl.Objects {
		objects[o.Name] = o
	}
	p.Steps, p.fates = make([]Step, img.Count), make([]fate, img.Count)
	for i := range p.fates {
		switch x := &img.progress.sending; {
		case i < img.progress.sent:
			p.fates[i] = accepted
		case img.progress.open() && i >= x.From && i < x.From+x.N:
			p.fates[i] = inFlight
		}
	}
	for _, m := range img.Makes {
		o, q := objects[m.Object], p
		if len(p.parts) > 0 && m.Part >= 0 && m.Part < len(p.parts) {
			q = p.parts[m.Part]
		}
		if o == nil || m.N < 0 || m.N >= img.Count || len(m.Msg) < wire.HeaderLen {
			return nil, fmt.Errorf("step %d of %d", m.N, img.Count)
		}
		s := &p.Steps[m.N]
		s.Object, s.Msg, s.part = o, m.Msg, nil
		if q != p {
			s.part = q
		}
		// What is announced of links bears nobody's mark, and tells whose it is only
		// with all that the plan wants of them.
		if o != rtnl.Link {
			e := state.NewEntry(o, m.Msg, q.st.Names)
			q.touch.made(e)
			q.want = append(q.want, &expect{object: o, key: e.Key, set: e.Set(), mode: state.Patch})
		}
	}
	for _, a := range img.progress.answers {
		if a.Step >= 0 && a.Step < img.Count && p.Steps[a.Step].Msg != nil {
			p.fates[a.Step] = fateOf(p.Steps[a.Step].Msg, a.Errno)
		}
	}
	for _, h := range img.progress.heard {
		if q := p.in(h.NetNS, home); q != nil {
			for m, err := range wire.Messages(h.Msg) {
				if err != nil {
					return nil, err
				}
				if aboutVLANs(m) {
					q.heedVLANs(m, true, false)
				} else {
					q.heed(m)
				}
			}
		}
	}
	return p, nil
}

// in is what the plan is in a namespace; nil: nothing.
func (p *Plan) in(cookie, home uint64) *Plan {
	if p.parts == nil && cookie == home {
		return p
	}
	for _, q := range p.parts {
		if q.cookie() == cookie {
			return q
		}
	}
	return nil
}

// Testify notes what is left in the sockets of a run whose process is gone, in
// one of its namespaces: the kernel's answers to the last datagram, and what
// others were heard to do. What was lost stays unknown.
func (j *Journal) Testify(cookie uint64, requests, monitor *nlconn.Conn) error {
	_, images, _, err := readJournal(j.f, true)
	if err != nil || len(images) == 0 {
		return err
	}
	img := images[len(images)-1]
	if img.progress.back {
		return nil
	}
	if img.progress.open() && j.namespace(img.progress.sending.NetNS) == cookie {
		if err := j.readAnswers(requests, &img.progress); err != nil {
			return err
		}
	}
	var plans []*Plan
	for _, img := range images {
		if img.progress.back {
			continue
		}
		p, err := img.restored(nil, j.head.Cookie)
		if err != nil {
			return &BrokenError{j.f.Name(), err}
		}
		if p = p.in(cookie, j.head.Cookie); p != nil {
			plans = append(plans, p)
		}
	}
	if len(plans) == 0 {
		return nil
	}
	last := len(plans) - 1
	var unnoted error
	err = monitor.Drain(func(m wire.Message) {
		if taken, _ := tell(plans[last], plans[:last], m, plans[last].heed); taken && unnoted == nil {
			unnoted = j.heard(plans[last], m)
		}
	})
	if err != nil && err != nlconn.ErrOverflow {
		return err
	}
	return unnoted
}

// readAnswers notes the kernel's answers to a datagram. There are none when it
// was not sent: what was sent was processed before its sender could die.
func (j *Journal) readAnswers(c *nlconn.Conn, p *progress) error {
	s, last := p.sending, false
	any := slices.ContainsFunc(p.answers, func(a imageAnswer) bool { return a.Step >= s.From })
	var unnoted error
	err := c.Drain(func(m wire.Message) {
		i := int(m.Seq - s.Seq)
		if !wire.IsReply(m) || m.PID != c.PortID() || i < 0 || i >= s.N {
			return
		}
		r, _ := wire.ParseReply(m)
		any = true
		last = last || i == s.N-1
		if r.Errno != 0 && unnoted == nil {
			unnoted = j.answered(s.From+i, r.Errno)
		}
	})
	switch {
	case unnoted != nil:
		return unnoted
	case err == nil && last:
		return j.sent(s.From + s.N)
	case err == nil && !any:
		return j.sending(s.From, 0, s.Seq, s.NetNS)
	case err == nlconn.ErrOverflow:
		return nil
	}
	return err
}
