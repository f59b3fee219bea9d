// Package session finds the SSH session that a process was started from, without
// believing its environment: by its parents and their sockets.
package session

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Ends returns the address that the SSH session around process pid is connected to,
// and the one it comes from. They are not known when there is no session, when it is
// of another network namespace than the process, and when this process may not
// look. proc is where procfs is mounted.
func Ends(proc string, pid int) (local, remote netip.Addr, ok bool) {
	dir := func(pid int, name string) string { return filepath.Join(proc, strconv.Itoa(pid), name) }
	own, err := os.Readlink(dir(pid, "ns/net"))
	if err != nil {
		return local, remote, false
	}
	for range depth {
		stat, err := os.ReadFile(dir(pid, "stat"))
		if err != nil {
			return local, remote, false
		}
		comm, parent, ok := parseStat(string(stat))
		if !ok {
			return local, remote, false
		}
		if strings.HasPrefix(comm, "sshd") { // sshd-session since OpenSSH 9.8
			if ns, err := os.Readlink(dir(pid, "ns/net")); err != nil || ns != own {
				return local, remote, false
			}
			inodes := sockets(dir(pid, "fd"))
			for _, table := range []string{"net/tcp", "net/tcp6"} {
				text, err := os.ReadFile(dir(pid, table))
				if err != nil {
					continue
				}
				if local, remote, ok := established(string(text), inodes); ok {
					return local, remote, true
				}
			}
		}
		if parent <= 1 {
			break
		}
		pid = parent
	}
	return local, remote, false
}

// depth bounds the walk: parents may change while they are read.
const depth = 64

// parseStat reads the name and the parent from /proc/PID/stat. The name may hold
// anything, brackets too.
func parseStat(s string) (comm string, parent int, ok bool) {
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 0 || end < open {
		return "", 0, false
	}
	rest := strings.Fields(s[end+1:])
	if len(rest) < 2 {
		return "", 0, false
	}
	parent, err := strconv.Atoi(rest[1])
	return s[open+1 : end], parent, err == nil
}

// sockets are the inodes of the sockets among a process's descriptors.
func sockets(fds string) map[string]bool {
	m := map[string]bool{}
	l, err := os.ReadDir(fds)
	if err != nil {
		return m
	}
	for _, fd := range l {
		to, err := os.Readlink(filepath.Join(fds, fd.Name()))
		if inode, is := strings.CutPrefix(to, "socket:["); err == nil && is {
			m[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return m
}

// established returns the addresses of the first of the sockets that is connected,
// from the text of /proc/net/tcp or tcp6.
func established(text string, inodes map[string]bool) (from, to netip.Addr, ok bool) {
	const local, remote, state, inode = 1, 2, 3, 9 // columns
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) <= inode || f[state] != "01" || !inodes[f[inode]] {
			continue
		}
		from, ok = parseAddr(f[local])
		if to, found := parseAddr(f[remote]); ok && found && !to.IsLoopback() {
			return from, to, true
		}
	}
	return from, to, false
}

// parseAddr reads 0100007F:0016: words of 32 bits as this machine prints them.
func parseAddr(s string) (netip.Addr, bool) {
	digits, _, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(digits)
	if err != nil || len(b)%4 != 0 {
		return netip.Addr{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	a, ok := netip.AddrFromSlice(b)
	return a.Unmap(), ok
}
