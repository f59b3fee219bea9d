package jsonerr

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`[]`, "got a list, want an object"},
		{`"x"`, "got a string, want an object"},
		{`{"links": 5}`, "links: got a number, want a list"},
		{`{"links": [{"index": "2"}]}`, "links.index: got a string, want a whole number"},
		{`{"links": [{"index": 1.5}]}`, "links.index: got 1.5, want a whole number"},
		{`{"link": []}`, `unknown key "link"`},
		{`{"links": [`, "it ends too early"},
		{``, "it is empty"},
		{`{,}`, "byte 2: invalid character ',' looking for beginning of object key string"},
	} {
		var into struct{ Links []struct{ Index int } }
		d := json.NewDecoder(strings.NewReader(c.in))
		d.DisallowUnknownFields()
		if got := Explain(d.Decode(&into)); got == nil || got.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.in, got, c.want)
		}
	}
	other := errors.New("other")
	if Explain(other) != other || Explain(nil) != nil {
		t.Error("other errors must stay")
	}
}
