package testnet

import (
	"net"

	"github.com/nlscript/nlscript/internal/sandbox"
)

// Veth makes Ethernet devices with these names, up and with carrier: each is a
// veth whose other end has the name with a "p" behind it.
func (ns *NS) Veth(names ...string) {
	ns.t.Helper()
	ns.Do(func() {
		if err := sandbox.Veth(names...); err != nil {
			ns.t.Fatal(err)
		}
	})
}

// Index returns the interface index of a device.
func (ns *NS) Index(name string) int {
	ns.t.Helper()
	var dev *net.Interface
	var err error
	ns.Do(func() { dev, err = net.InterfaceByName(name) })
	if err != nil {
		ns.t.Fatal(err)
	}
	return dev.Index
}
