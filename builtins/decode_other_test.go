package builtins

import (
	"strings"
	"testing"
)

// What golden files have between messages comes back as the script that has it.
func TestDecodeOther(t *testing.T) {
	const text = `# a.star
# commit 1

# wait carrier eth0 :
> wait carrier eth0

# wait dad :
> wait dad within 30s

# wait dad 2001:db8::1 :
> wait dad 2001:db8::1

# check ping 192.0.2.1
> check ping 192.0.2.1 within 9s

# check tcp [2001:db8::1]:22
> check tcp [2001:db8::1]:22 within 9s

# check route_get 198.51.100.7
> check route_get 198.51.100.7 via 192.0.2.1 dev eth0 src 192.0.2.2 within 9s

# check carrier e0 netns blue
> check carrier e0 netns blue within 9s

# check ping 192.0.2.2 netns pid 7
> check ping 192.0.2.2 netns pid 7 within 9s

# 0 messages, 8 other
`
	l, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := range l {
		if err := l[i].Text(&b, nil); err != nil {
			t.Fatal(err)
		}
		if j, err := l[i].JSON(nil); err != nil || j[j["carrier"].(string)] == nil {
			t.Errorf("%v %v", j, err)
		}
	}
	for _, want := range strings.Split(text, "\n") {
		if strings.HasPrefix(want, ">") && !strings.Contains(b.String(), want+"\n") {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	b.Reset()
	if err := new(Printer).Script(&b, l); err != nil {
		t.Fatal(err)
	}
	src := b.String()
	h := &fakeHost{}
	if _, _, err := exec(t, h, src); err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	c := h.commits[0]
	if len(c.Ops) != 3 || len(c.Checks) != 5 || c.Limit().Seconds() != 9 || c.Ops[1].Wait.Limit().Seconds() != 30 {
		t.Errorf("%d ops, %d checks, within %v\n%s", len(c.Ops), len(c.Checks), c.Limit(), src)
	}
	if got := c.Checks[3].String() + c.Checks[4].String(); got != `check.carrier("e0", netns = "blue")check.ping("192.0.2.2", netns = netns(pid = 7))` {
		t.Errorf("checks elsewhere: %s", got)
	}
	for _, bad := range []string{"wait", "wait carrier", "wait dad x", "wait dad ::1 within 5", "wait long eth0", "check", "check ping x", "check pong ::1", "check ping ::1 dev",
		"check ping ::1 dev eth0", "check ping ::1 within 0s", "check ping ::1 for 5s"} {
		if _, err := Decode("# a\n# commit 1\n\n# x\n> " + bad + "\n\n# 0 messages, 1 other\n"); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
