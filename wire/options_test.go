package wire

import "testing"

func optionsTable() *Table {
	return &Table{Name: "o", Options: true, Fields: []Field{
		{Name: "key", Type: 1, Kind: U16},
		{Name: "state", Type: 2, Kind: U8, Enum: []string{"off", "on"}, Default: "on"},
		{Name: "time", Type: 3, Kind: U64, Time: 100, Ticks: true, Default: "1250ms"},
		{Name: "count", Type: 4, Kind: U32, Default: "0"},
		{Name: "seen", Type: 5, Kind: U32, RO: true},
	}}
}

func TestOptions(t *testing.T) {
	set := func(rows map[string]uint64) *Set {
		s := NewSet(optionsTable())
		for name, n := range rows {
			s.PutName(name, IntVal(n))
		}
		return s
	}
	for _, tt := range []struct {
		rows           map[string]uint64
		begun          bool
		filled, unlike string
	}{
		{map[string]uint64{"key": 7}, true, "key 7 state on time 1250ms count 0", "key 7"},
		{map[string]uint64{"key": 7, "state": 1, "time": 124, "seen": 3}, true, "key 7 state on time 1250ms count 0 seen 3", "key 7 seen 3"}, // a tick less is the same
		{map[string]uint64{"key": 7, "time": 126}, false, "key 7 state on time 1260ms count 0", "key 7 time 1260ms"},
		{map[string]uint64{"key": 7, "state": 0, "count": 0}, false, "key 7 state off time 1250ms count 0", "key 7 state off"},
	} {
		s := set(tt.rows)
		if got := s.Begun(); got != tt.begun {
			t.Errorf("%s: begun %v", s.Text(nil), got)
		}
		if got := s.Filled().Text(nil); got != tt.filled {
			t.Errorf("%s filled: %q, want %q", s.Text(nil), got, tt.filled)
		}
		if got := s.Unlike().Text(nil); got != tt.unlike {
			t.Errorf("%s without what is as it begins: %q, want %q", s.Text(nil), got, tt.unlike)
		}
		if got := s.Even(); got.Begun() != tt.begun || tt.begun && got.Uint("time") != 0 && got.Uint("time") != 125 {
			t.Errorf("%s is even %s", s.Text(nil), got.Text(nil))
		}
		if got, want := s.Beginning().Text(nil), "key 7 state on time 1250ms count 0"; got != want {
			t.Errorf("%s begins with %q, want %q", s.Text(nil), got, want)
		}
	}
}

// A Default that is no value of its row is a mistake in the table.
func TestOptionsBegin(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a state began with what is none")
		}
	}()
	tab := optionsTable()
	tab.Fields[1].Default = "half"
	tab.Rows()
}
