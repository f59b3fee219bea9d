package tx

import "testing"

func TestBefore(t *testing.T) {
	for release, want := range map[string]bool{
		"4.19.0-27-amd64": true, "5.10.0": true, "5.17.15-generic": true, "5.18.0": false, "5.18": false, "5.100.1": false,
		"6.12.117+deb12-amd64": false, "6.1": false, "": false, "x": false,
	} {
		if got := before(release, 5, 18); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}
