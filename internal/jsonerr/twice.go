package jsonerr

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Twice finds a key that an object has twice: encoding/json takes the last and says
// nothing. What is no JSON at all is not its business.
func Twice(src []byte) error {
	d := json.NewDecoder(bytes.NewReader(src))
	var open []map[string]bool // keys of the objects around; nil for a list
	for key := false; ; {      // a key is next
		t, err := d.Token()
		if err != nil {
			return nil
		}
		switch t {
		case json.Delim('{'):
			open = append(open, map[string]bool{})
		case json.Delim('['):
			open = append(open, nil)
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if key {
				in, name := open[len(open)-1], t.(string)
				if in[name] {
					return fmt.Errorf("byte %d: %q is given twice", d.InputOffset(), name)
				}
				in[name], key = true, false
				continue
			}
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}
