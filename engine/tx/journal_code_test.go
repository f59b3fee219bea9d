package tx

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// fill gives everything in v, unexported fields apart, a value of its own.
func fill(v reflect.Value, rnd *rand.Rand, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 6 { // parts have parts
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), rnd, depth+1)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(0, rnd.Int64())))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), rnd, depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+rnd.IntN(2), 3))
		for i := range v.Len() {
			fill(v.Index(i), rnd, depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 1 + rnd.IntN(2) {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(k, rnd, depth+1)
			fill(e, rnd, depth+1)
			v.SetMapIndex(k, e)
		}
	case reflect.String:
		v.SetString(string([]byte{byte('a' + rnd.IntN(26)), 0, 0xff, '\n'}))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1 + rnd.Int64N(1<<31))
	default:
		v.SetUint(1 + rnd.Uint64N(1<<8-1))
	}
}

// code writes and reads, and fails the test unless what is read is what was written.
func roundTrip[T any](t *testing.T, code func(*coder, *T), v *T) []byte {
	t.Helper()
	w := coder{}
	code(&w, v)
	r := coder{b: w.b, reading: true}
	var got T
	code(&r, &got)
	if r.err != nil || len(r.b) > 0 || !reflect.DeepEqual(*v, got) {
		t.Fatalf("written\n%#v\nread (%v, %d bytes left)\n%#v", *v, r.err, len(r.b), got)
	}
	return w.b
}

// TestJournalCode: all that a journal has comes back, whatever it is; a field that
// nobody writes is seen. (What is in the head but not in its record comes from others.)
func TestJournalCode(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var h Head
		fill(reflect.ValueOf(&h).Elem(), rnd, 0)
		h.Deadline, h.Due, h.Undoing, h.Undone, h.Others = time.Time{}, 0, false, false, nil
		roundTrip(t, codeHead, &h)
		var r record
		fill(reflect.ValueOf(&r).Elem(), rnd, 0)
		b := roundTrip(t, codeRecord, &r)
		if !hasCommit(b) {
			t.Fatal("the record of a commit does not look like one")
		}
		r.Commit = nil
		if b = roundTrip(t, codeRecord, &r); hasCommit(b) {
			t.Fatal("a record without a commit looks like one with it")
		}
	}
	roundTrip(t, codeRecord, &record{})
	roundTrip(t, codeRecord, &record{Commit: &image{}})
}

// FuzzJournalCode: what is damaged is an error, or something else, and no more.
func FuzzJournalCode(f *testing.F) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 5 {
		var r record
		fill(reflect.ValueOf(&r).Elem(), rnd, 3)
		w := coder{}
		codeRecord(&w, &r)
		f.Add(w.b)
		f.Add(w.b[:len(w.b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := coder{b: b, reading: true}
		var r record
		codeRecord(&c, &r)
		if c.err != nil {
			return
		}
		w := coder{}
		codeRecord(&w, &r)
		again := coder{b: w.b, reading: true}
		var x record
		codeRecord(&again, &x)
		if again.err != nil || !reflect.DeepEqual(r, x) {
			t.Errorf("%v: %#v\n%#v", again.err, r, x)
		}
	})
}
