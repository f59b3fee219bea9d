// Package meter lets a test know how much a run reads from the kernel: what
// should follow the size of a change must not follow that of the tables.
package meter

import "context"

// A Meter adds up what runs read over netlink.
type Meter struct {
	Datagrams int
	Bytes     int
}

// Add counts more.
func (m *Meter) Add(datagrams, bytes int) {
	m.Datagrams += datagrams
	m.Bytes += bytes
}

type key struct{}

// With returns a context for runs that m counts.
func With(ctx context.Context, m *Meter) context.Context { return context.WithValue(ctx, key{}, m) }

// Of returns the meter of a run, nil when it has none.
func Of(ctx context.Context) *Meter {
	m, _ := ctx.Value(key{}).(*Meter)
	return m
}
