// Package nsexec runs this program again in a private user and network
// namespace, where it is root and can break nothing outside: for run --sandbox
// and for tests that have no privileges.
//
// A process with several threads cannot enter a user namespace, so it takes a
// new process: the parent starts [Command] and passes on its exit status, the
// child finds out by [Enter] which of the two it is.
//
//	inside, err := nsexec.Enter() // first thing in main
//	...
//	if !inside {
//		cmd := nsexec.Command(ctx, os.Args[1:]...)
//		cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
//		err := cmd.Run()
//	}
package nsexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// marker is set in the environment of the child only. Its value is the network
// namespace of the parent, so that a mark that leaked, or was set by hand,
// passes for nothing: a sandbox must not believe to be one.
const marker = "NLSCRIPT_NSEXEC"

const netns = "/proc/self/ns/net"

// Command returns the command that runs this program with args in new user,
// network and mount namespaces. Environment and directory are this process's; the caller
// sets the streams. The child is killed when this process dies.
func Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	parent, err := os.Readlink(netns)
	if err != nil {
		cmd.Err = fmt.Errorf("network namespaces are not supported: %w", unix.ENOSYS)
	}
	cmd.Env = append(os.Environ(), marker+"="+parent)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: ids("/proc/self/uid_map", os.Geteuid()),
		GidMappings: ids("/proc/self/gid_map", os.Getegid()),
		Pdeathsig:   unix.SIGKILL,
	}
	return cmd
}

// ids maps root to id. Root itself keeps all the ids it has, so that files of
// others stay readable and uid ranges in rules usable.
func ids(file string, id int) []syscall.SysProcIDMap {
	one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	if os.Geteuid() != 0 || id != 0 {
		return one
	}
	f, err := os.Open(file)
	if err != nil {
		return one
	}
	defer f.Close()
	var all []syscall.SysProcIDMap
	for {
		var inside, outside, size int
		if n, err := fmt.Fscan(f, &inside, &outside, &size); n != 3 || err != nil {
			// The end, or a size beyond a 32-bit int.
			break
		}
		all = append(all, syscall.SysProcIDMap{ContainerID: inside, HostID: inside, Size: size})
	}
	if len(all) == 0 {
		return one
	}
	return all
}

// Enter reports whether this process was started by Command. If so, it is
// the first thing to call: it brings the loopback device up, gives the process a
// /run of its own, for the names of network namespaces, and takes the mark out of
// the environment, so that programs run from here are not mistaken for the child. An error beside true means that the namespaces give no rights, as
// AppArmor may decide; Denied knows it.
func Enter() (inside bool, err error) {
	parent := os.Getenv(marker)
	if parent == "" {
		return false, nil
	}
	if own, err := os.Readlink(netns); err != nil || own == parent {
		return false, nil
	}
	if err := os.Unsetenv(marker); err != nil {
		return true, err
	}
	if err := Loopback(); err != nil {
		return true, fmt.Errorf("the namespace gives no rights: %w", err)
	}
	if err := privateRun(); err != nil {
		return true, fmt.Errorf("the namespace gives no rights: %w", err)
	}
	return true, nil
}

// Loopback brings the device lo of the calling thread's network namespace up.
func Loopback() error {
	runtime.LockOSThread() // the socket must be of this thread's namespace
	defer runtime.UnlockOSThread()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req); err != nil {
		return os.NewSyscallError("SIOCGIFFLAGS lo", err)
	}
	req.SetUint16(req.Uint16() | unix.IFF_UP)
	return os.NewSyscallError("SIOCSIFFLAGS lo", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req))
}

// Denied reports whether err, of starting Command, of Enter or of unshare,
// means that this system does not allow namespaces: not permitted, none left,
// or not built in.
func Denied(err error) bool {
	for _, errno := range []syscall.Errno{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.EUSERS, unix.EINVAL, unix.ENOSYS} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
