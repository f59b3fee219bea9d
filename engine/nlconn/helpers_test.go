package nlconn

import "encoding/binary"

func put32(b []byte, v uint32) { binary.NativeEndian.PutUint32(b, v) }
func get32(b []byte) uint32    { return binary.NativeEndian.Uint32(b) }

// restamp gives a message another sequence number.
func restamp(msg []byte, seq uint32) { put32(msg[8:], seq) }
