package builtins

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// oracleFile has what iproute2 sent for many command lines. It is not part of
// the repository; the test that needs it is skipped without it.
const oracleFile = "../../shared/oracle/public.jsonl"

// TestOracleSource writes every message that iproute2 sent as source, runs the
// source, and wants the message it came from.
func TestOracleSource(t *testing.T) {
	if wire.IsBigEndian {
		t.Skip("these bytes are of a little-endian machine; the golden files are read and written here as well")
	}
	file, err := os.Open(oracleFile)
	if errors.Is(err, fs.ErrNotExist) {
		testnet.Refuse(t, "no "+oracleFile)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	byConstructor, raw := 0, 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		var c struct {
			ID       string
			Argv     []string
			Messages []struct {
				Proto int
				Probe bool
				Hex   string
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		for _, m := range c.Messages {
			msg, err := hex.DecodeString(m.Hex)
			if err != nil {
				t.Fatal(err)
			}
			obj := objectOf(msg)
			if m.Proto != 0 || m.Probe || obj == nil {
				continue
			}
			src, ok := roundTrip(t, c.ID, obj, msg)
			if ok && !strings.HasPrefix(src, "message(") {
				byConstructor++
			} else if ok {
				raw++
				if testing.Verbose() {
					t.Logf("%s: %s\n%s", c.ID, strings.Join(c.Argv, " "), src)
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages by their constructors, %d raw", byConstructor, raw)
	if byConstructor < 9*raw {
		t.Errorf("only %d of %d messages have a constructor", byConstructor, byConstructor+raw)
	}
}

// objectOf finds the object of a message by its type and family.
func objectOf(msg []byte) *wire.Object {
	for m := range wire.Messages(msg) {
		bridge := len(m.Data) > 0 && m.Data[0] == 7
		o := rtnl.ByType(m.Type, m.Data)
		if o != nil && (o.New == m.Type || o.Del == m.Type) && bridge == strings.HasPrefix(o.Name, "bridge.") {
			return o
		}
	}
	return nil
}

func roundTrip(t *testing.T, id string, obj *wire.Object, msg []byte) (string, bool) {
	t.Helper()
	var set wire.Set
	var m wire.Message
	for m = range wire.Messages(msg) {
	}
	if err := obj.Table.Decode(m.Data, &set); err != nil {
		t.Errorf("%s: %v", id, err)
		return "", false
	}
	var src strings.Builder
	if err := (&Printer{}).Message(&src, obj, m.Type, m.Flags, &set); err != nil {
		t.Errorf("%s: %v", id, err)
		return "", false
	}
	_, g, err := exec(t, nil, "x = "+src.String())
	if err != nil {
		t.Errorf("%s: %v\n%s", id, err, src.String())
		return "", false
	}
	op := g["x"].(*Op)
	var again wire.Set
	if err := obj.Table.Decode(op.Msg[wire.HeaderLen:], &again); err != nil || !again.Equal(&set) {
		t.Errorf("%s: %v\n%s\ngot  %s\nwant %s", id, err, src.String(), again.Text(nil), set.Text(nil))
		return "", false
	}
	if got := starlark.Value(op).String(); !strings.HasPrefix(src.String(), "message(") && got != src.String() {
		t.Errorf("%s: the op prints as\n%s\nwant\n%s", id, got, src.String())
	}
	return src.String(), true
}
