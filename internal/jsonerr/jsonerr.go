// Package jsonerr says what is wrong with a JSON file in the words of those who
// write it, not of Go.
package jsonerr

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Explain makes an error of encoding/json readable; others stay as they are.
func Explain(err error) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early")
	case errors.As(err, &syntax):
		return fmt.Errorf("byte %d: %w", syntax.Offset, err)
	case errors.As(err, &typ):
		at := ""
		if typ.Field != "" {
			at = strings.ToLower(typ.Field) + ": "
		}
		return fmt.Errorf("%sgot %s, want %s", at, article(typ.Value), kind(typ.Type))
	}
	if text, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("unknown key %s", text)
	}
	return err
}

// article names a value as encoding/json calls it: "number -5", "array".
func article(value string) string {
	what, rest, _ := strings.Cut(value, " ")
	if rest != "" {
		return rest
	}
	switch what {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	}
	return "a " + what
}

func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "a string"
	case reflect.Pointer:
		return kind(t.Elem())
	}
	return "a whole number"
}
