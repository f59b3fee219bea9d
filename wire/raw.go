package wire

// AddRaw adds an attribute that no row describes. The members of a nest whose
// rows the table inlines (the metrics of a route) go into that nest, beside its rows.
func (s *Set) AddRaw(r Raw) { s.addRaw(&s.Table.root, r) }

func (s *Set) addRaw(n *nest, r Raw) {
	sub := n.sub(r.Type & typeMask)
	if sub == nil || !r.Nested || len(r.Sub) == 0 {
		r.in = n
		s.Extra = append(s.Extra, r)
		return
	}
	for _, x := range r.Sub {
		s.addRaw(sub, x)
	}
}

// RawTree returns the attributes that no row describes as AddRaw takes them:
// those inside inlined nests are wrapped in these.
func (s *Set) RawTree() []Raw {
	var l []Raw
	for _, r := range s.Extra {
		n := r.in
		r.in = nil
		for ; n != nil && n.depth > 0; n = n.parent {
			r = Raw{Type: n.typ, Nested: true, Sub: []Raw{r}}
		}
		l = append(l, r)
	}
	return l
}

// Attrs returns the attributes that a raw one holds: those of a nested one, or
// what its payload is when NLA_F_NESTED says so and it would be written the same.
func (r *Raw) Attrs() ([]Raw, bool) {
	if r.Nested {
		return r.Sub, true
	}
	if r.Type&Nested == 0 {
		return nil, false
	}
	var l []Raw
	n := 0
	for a, err := range Attrs(r.Data) {
		end := a.Off + attrHeader + len(a.Data)
		n = align(end)
		if err != nil || n > len(r.Data) || !zero(r.Data[end:n]) {
			return nil, false
		}
		l = append(l, Raw{Type: a.Type | a.Flags, Data: a.Data})
	}
	return l, n == len(r.Data)
}
