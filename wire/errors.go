package wire

import "strings"

// An AttrError says which field of a table something is wrong with. Path is
// made of row names: kind.vxlan.id.
type AttrError struct {
	Path string
	Err  error
}

func (e *AttrError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *AttrError) Unwrap() error { return e.Err }

// At returns err with name put before its path. Paths are built only here, on
// the way out of an error.
func At(name string, err error) error {
	name = strings.TrimSuffix(name, "_")
	if a, ok := err.(*AttrError); ok {
		sep := "."
		if strings.HasPrefix(a.Path, "[") {
			sep = ""
		}
		return &AttrError{name + sep + a.Path, a.Err}
	}
	return &AttrError{name, err}
}
