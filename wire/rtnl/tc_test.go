package rtnl

import "testing"

func TestTCOracle(t *testing.T) {
	for _, c := range oracle(t, "qdisc/tbf/", "qdisc/htb/", "class/htb/", "qdisc/fifo/", "qdisc/verbs/", "qdisc/misc/016", "qdisc/misc/018") {
		for _, m := range c.Messages {
			o := Qdisc
			if m.Type >= Class.New {
				o = Class
			}
			s := checkRoundTrip(t, o, &c, &m)
			t.Log(c.ID, s.Text(nil))
		}
	}
}
