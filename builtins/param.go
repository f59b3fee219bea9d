package builtins

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

// paramOf is param(name, default, type, choices, secret, doc): what whoever
// runs the script may say.
func paramOf(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	p := &Param{Default: starlark.None}
	var choices starlark.Iterable
	if err := starlark.UnpackArgs(fn.Name(), args, kwargs, "name", &p.Name, "default?", &p.Default, "type??", &p.Type,
		"choices??", &choices, "secret??", &p.Secret, "doc??", &p.Doc); err != nil {
		return nil, err
	}
	s, err := hostOf(thread)
	var v starlark.Value
	if err == nil {
		if choices != nil {
			_, err = elements(choices, func(_ int, v starlark.Value) error { p.Choices = append(p.Choices, v); return nil })
		}
		p.Site = s.site(thread)
	}
	if err == nil {
		v, err = s.param(p)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	return v, nil
}

const paramTypes = "bool int float string list dict"

func (s *Script) param(p *Param) (starlark.Value, error) {
	if len(p.Site.Frames) > 0 && s.Main != "" && p.Site.Frames[0].File != s.Main {
		return nil, errors.New("only the main script has params; pass the value to the library")
	}
	for _, q := range s.params {
		if q.Name == p.Name {
			return nil, &ArgError{Err: fmt.Errorf("%q is declared twice", p.Name)}
		}
	}
	if p.Name == "" || strings.ContainsAny(p.Name, "= \t\n") {
		return nil, &ArgError{Err: fmt.Errorf("%q cannot be the name of a param", p.Name)}
	}
	switch {
	case p.Type != "" && !strings.Contains(" "+paramTypes+" ", " "+p.Type+" "):
		return nil, argError("type", fmt.Errorf("%q is not one of %s%s", p.Type, paramTypes, didYouMean(p.Type, strings.Fields(paramTypes))))
	case p.Type == "" && p.Default != starlark.None:
		p.Type = p.Default.Type()
	case p.Type == "" && len(p.Choices) > 0:
		p.Type = p.Choices[0].Type()
	case p.Type == "":
		p.Type = "string"
	}
	if p.Default != starlark.None {
		if err := p.check(p.Default); err != nil {
			return nil, argError("default", err)
		}
	}
	s.params = append(s.params, p)
	s.host.Declare(p)
	v := p.Default
	if given, ok := s.host.Param(p.Name); ok {
		var err error
		if v, err = p.parse(given); err == nil {
			err = p.check(v)
		}
		if err != nil {
			if p.Secret {
				err = fmt.Errorf("the value is no %s", p.Type)
			}
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	if str, ok := starlark.AsString(v); p.Secret && ok && str != "" {
		s.secrets = append(s.secrets, str)
	}
	return v, nil
}

// parse makes a value of what was given: a text stands for itself when a
// string is wanted, and is JSON otherwise.
func (p *Param) parse(given any) (starlark.Value, error) {
	if text, ok := given.(string); ok && p.Type != "string" {
		var v any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil || d.More() {
			return nil, fmt.Errorf("%q is no %s, as JSON", text, p.Type)
		}
		given = v
	}
	return FromGo(given)
}

// check reports whether a value is of the param's type and among its choices.
func (p *Param) check(v starlark.Value) error {
	if v.Type() != p.Type && !(p.Type == "float" && v.Type() == "int") && !(p.Type == "list" && v.Type() == "tuple") {
		return wrong(v, p.Type)
	}
	if len(p.Choices) == 0 {
		return nil
	}
	var l []string
	for _, c := range p.Choices {
		if eq, err := starlark.Equal(c, v); err != nil || eq {
			return err
		}
		l = append(l, c.String())
	}
	return fmt.Errorf("%s is not one of %s", v, strings.Join(l, " "))
}
