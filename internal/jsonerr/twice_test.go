package jsonerr

import (
	"strings"
	"testing"
)

func TestTwice(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": 1, "b": "a", "c": {"a": 1, "b": ["a", "a", {"a": 1}]}, "d": "a"}`: "",
		`["a", "a"]`:                    "",
		`{"a": 1,`:                      "",
		`{"a": 1, "a": 2}`:              `byte 12: "a" is given twice`,
		`{"a": [], "\u0061": 1}`:        `"a" is given twice`,
		`{"x": [{"a": 1, "a": 1}]}`:     `"a" is given twice`,
		`{"x": {"a": {}}, "x": "x"}`:    `"x" is given twice`,
		`[{"a": {"a": []}, "a": null}]`: `"a" is given twice`,
	} {
		err := Twice([]byte(in))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}
