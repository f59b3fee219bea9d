// Script in: integers, their words, units and bits.

package builtins

import (
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// number is an integer as its two's complement.
func number(v starlark.Int, signed bool) (uint64, error) {
	if n, ok := v.Uint64(); ok && !(signed && n > 1<<63-1) {
		return n, nil
	}
	if n, ok := v.Int64(); ok && (signed || n >= 0) {
		return uint64(n), nil
	}
	if v.Sign() < 0 {
		return 0, fmt.Errorf("%s is negative", v)
	}
	return 0, fmt.Errorf("%s does not fit 64 bits", v)
}

func (r *reader) integer(f *wire.Field, v starlark.Value) (wire.Value, error) {
	if f.Bits {
		return bits(f, v)
	}
	switch v := v.(type) {
	case starlark.Int:
		switch {
		case f.Time != 0:
			return wire.Value{}, fmt.Errorf(`%s is a time without a unit; write "%[1]ss" or "%[1]sms"`, v)
		case f.Rate:
			return wire.Value{}, fmt.Errorf(`%s is a rate without a unit; write "%[1]sbit" or "%[1]sbps"`, v)
		}
		n, err := number(v, signed(f.Kind))
		if err != nil {
			if lim := f.Legal(); lim != "" {
				err = fmt.Errorf("%s is out of range (%s)", v, lim)
			}
			return wire.Value{}, err
		}
		return wire.IntVal(n), f.CheckInt(n)
	case starlark.Bool:
		return onOff(f, v)
	case starlark.String:
		return word(f, string(v))
	}
	return wire.Value{}, wrong(v, wantInt(f))
}

func signed(k wire.Kind) bool { return k == wire.S8 || k == wire.S32 || k == wire.S64 }

// onOff is a switch that the kernel keeps in a wider integer.
func onOff(f *wire.Field, v starlark.Bool) (wire.Value, error) {
	names := [2]string{"off", "on"}
	i := 0
	if v {
		i = 1
	}
	if n, ok := f.Words.Number(names[i]); ok {
		return wire.IntVal(n), nil
	}
	if f.Max == 1 && f.Scale == 0 {
		return wire.IntVal(uint64(i)), nil
	}
	return wire.Value{}, wrong(v, wantInt(f))
}

func wantInt(f *wire.Field) string {
	switch {
	case len(f.Words) > 0 && f.Closed:
		return "one of " + legal(f)
	case f.Time != 0:
		return `a time such as "30s" or "100ms"`
	case f.Rate:
		return `a rate such as "10mbit"`
	case f.Size:
		return `a size: a number of bytes, or "64kb"`
	case f.Handle:
		return `a handle such as "1:10"`
	case f.Mask != 0:
		return `an integer, or "value/mask"`
	case len(f.Words) > 0:
		return "an integer or one of " + legal(f)
	}
	return "an integer"
}

// legal lists the words of a row, shortened when they are many.
func legal(f *wire.Field) string {
	var l []string
	for _, w := range f.Words {
		l = append(l, strconv.Quote(w.Name))
	}
	if len(l) > 24 {
		l = append(l[:24], "...")
	}
	return strings.Join(l, " ")
}

func wordNames(f *wire.Field) []string {
	var l []string
	for _, w := range f.Words {
		l = append(l, w.Name)
	}
	return l
}

// word reads an integer that is written as text.
func word(f *wire.Field, s string) (wire.Value, error) {
	if n, ok := f.Words.Number(s); ok {
		return wire.IntVal(n), nil
	}
	var n uint64
	var err error
	switch {
	case f.Time != 0:
		n, err = wire.ParseTime(s, f.Time)
	case f.Rate:
		n, err = wire.ParseRate(s)
	case f.Size:
		n, err = wire.ParseSize(s)
	case f.Handle:
		n, err = wire.ParseHandle(s)
	case f.Mask != 0:
		return masked(f, s)
	case f.Hex:
		if n, err = strconv.ParseUint(s, 0, 64); err != nil {
			err = fmt.Errorf("%q is not a number", s)
		}
	default:
		return wire.Value{}, notAWord(f, s)
	}
	if err != nil {
		if len(f.Words) > 0 && !startsDigit(s) {
			err = notAWord(f, s)
		}
		return wire.Value{}, err
	}
	return wire.IntVal(n), f.CheckInt(n)
}

func startsDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func notAWord(f *wire.Field, s string) error {
	if len(f.Words) == 0 {
		if _, err := strconv.ParseInt(s, 0, 64); err == nil {
			return fmt.Errorf("got string %q, want an integer; write %s", s, s)
		}
		return wrong(starlark.String(s), wantInt(f))
	}
	if _, err := strconv.ParseInt(s, 0, 64); err == nil && !f.Closed {
		return fmt.Errorf("got string %q, want %s; write %s", s, wantInt(f), s)
	}
	return fmt.Errorf("%q is not legal; legal are %s%s", s, legal(f), didYouMean(s, wordNames(f)))
}

// masked reads "0x10/0xff". Without a mask all bits count, and none is sent.
func masked(f *wire.Field, s string) (wire.Value, error) {
	val, mask, has := strings.Cut(s, "/")
	n, err := strconv.ParseUint(val, 0, 64)
	if err != nil {
		if w, ok := f.Words.Number(val); ok {
			n, err = w, nil
		} else {
			return wire.Value{}, fmt.Errorf(`%q is not a number, or "value/mask"`, s)
		}
	}
	v := wire.IntVal(n)
	if has {
		if v.M, err = strconv.ParseUint(mask, 0, 64); err != nil {
			return wire.Value{}, fmt.Errorf("the mask %q is not a number", mask)
		}
		v.HasMask = true
		if err := f.CheckInt(v.M); err != nil {
			return v, fmt.Errorf("mask: %w", err)
		}
	}
	return v, f.CheckInt(n)
}

// bits reads a set of words: a list of names, one name, or the number itself.
func bits(f *wire.Field, v starlark.Value) (wire.Value, error) {
	one := func(v starlark.Value) (uint64, error) {
		switch v := v.(type) {
		case starlark.String:
			n, ok := f.Words.Number(string(v))
			if !ok {
				return 0, notAWord(f, string(v))
			}
			return n, nil
		case starlark.Int:
			return number(v, false)
		}
		return 0, wrong(v, "a list of "+legal(f))
	}
	var n uint64
	l, ok := v.(starlark.Iterable)
	if !ok {
		n, err := one(v)
		if err != nil {
			return wire.Value{}, err
		}
		return wire.IntVal(n), f.CheckInt(n)
	}
	it := l.Iterate()
	defer it.Done()
	for x := starlark.Value(nil); it.Next(&x); {
		b, err := one(x)
		if err != nil {
			return wire.Value{}, err
		}
		n |= b
	}
	return wire.IntVal(n), f.CheckInt(n)
}
