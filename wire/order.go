package wire

import (
	"encoding/binary"

	"github.com/josharian/native"
)

// The kernel speaks in the byte order of the machine. This is the only file
// that knows it; native v1.1.0 keeps the dispatch static (v1.2.0 made Endian an
// interface, which costs an allocation an attribute).
var order = native.Endian

// IsBigEndian reports the byte order of this machine.
const IsBigEndian = native.IsBigEndian

// Native byte order, for fixed structs of codecs.
func putU16(b []byte, v uint16) { order.PutUint16(b, v) }
func putU32(b []byte, v uint32) { order.PutUint32(b, v) }
func putU64(b []byte, v uint64) { order.PutUint64(b, v) }
func getU16(b []byte) uint16    { return order.Uint16(b) }
func getU32(b []byte) uint32    { return order.Uint32(b) }
func getU64(b []byte) uint64    { return order.Uint64(b) }

var _ binary.ByteOrder = order

// NativeUint32 writes v in the machine's order, for fixed structs that no table
// describes.
func NativeUint32(b []byte, v uint32) { order.PutUint32(b, v) }
