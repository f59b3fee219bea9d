// Package nlconn is the rtnetlink socket: windows of messages out, replies in.
//
// It stands on wire and is the only importer of mdlayher/netlink, of which it
// uses dialling, options, groups and namespaces. Messages do not pass through
// that package, which would copy them twice: they go from where they were
// encoded to the kernel, by one sendmsg for a window, and are read as views of
// one buffer.
//
// The kernel processes a datagram before sendmsg returns, and every reply is
// queued by then. So a [Conn] works in turns: send, read until the last message
// is answered, and nothing is left over. Every message of a datagram is
// processed even after one failed.
package nlconn
