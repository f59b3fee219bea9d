package main

import "testing"

func TestFit(t *testing.T) {
	const text = "commit 1                 a.star:1\n" +
		"  + link br0    up       a.star:2\n" +
		"      note: no place here, however long\n" +
		"\nplan: 1 to add\n"
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, text},
		{60, text},
		{28, "commit 1            a.star:1\n" +
			"  + link br0    up  a.star:2\n" +
			"      note: no place here, however long\n" +
			"\nplan: 1 to add\n"},
		{12, "commit 1  a.star:1\n" +
			"  + link br0    up  a.star:2\n" +
			"      note: no place here, however long\n" +
			"\nplan: 1 to add\n"},
	} {
		if got := fit(text, c.width); got != c.want {
			t.Errorf("width %d:\n%s", c.width, got)
		}
	}
}
