package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace, kept open.
type namespace struct{ f *os.File }

const threadNetNS = "/proc/thread-self/ns/net"

func (n *namespace) set(fd int) {
	n.close()
	n.f = os.NewFile(uintptr(fd), "netns")
}

// open takes the calling thread's namespace unless one was set.
func (n *namespace) open() error {
	if n.f != nil {
		return nil
	}
	f, err := os.Open(threadNetNS)
	if err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	n.f = f
	return nil
}

func (n *namespace) close() {
	if n.f != nil {
		n.f.Close()
		n.f = nil
	}
}

// NetNS is a descriptor of the namespace the engine works in, valid as long as
// the engine is used; -1 for one that works with facts.
func (e *Engine) NetNS() int {
	if e.ns.f == nil {
		return -1
	}
	return e.ns.fd()
}

func (n *namespace) fd() int { return int(n.f.Fd()) }

// do runs f on a thread that is in the namespace: this one if it is. A thread
// that has changed its namespace ends with its goroutine.
func (n *namespace) do(f func() error) error {
	runtime.LockOSThread()
	here, err := n.here()
	if here {
		defer runtime.UnlockOSThread()
		return f()
	}
	runtime.UnlockOSThread()
	if err != nil {
		return err
	}
	return aside(func() (moved bool, err error) {
		if moved, err = n.enter(); err == nil {
			err = f()
		}
		return moved, err
	})
}

// aside runs f on another thread, which ends with it when f has moved it to another
// namespace. That is never the first of the process, which does not end: it would hold
// the namespace, and stand for the process to who asks for its own.
func aside(f func() (moved bool, err error)) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			err := aside(f) // on another one, as this one is taken
			runtime.UnlockOSThread()
			done <- err
			return
		}
		moved, err := f()
		if !moved {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// enter moves the calling thread into the namespace unless it is there.
func (n *namespace) enter() (moved bool, err error) {
	if here, err := n.here(); err != nil || here {
		return false, err
	}
	if err := unix.Setns(n.fd(), unix.CLONE_NEWNET); err != nil {
		if errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w; root, or CAP_SYS_ADMIN, is needed", err)
		}
		return true, fmt.Errorf("entering the network namespace: %w", err)
	}
	return true, nil
}

// here reports whether the calling thread is in the namespace.
func (n *namespace) here() (bool, error) {
	var own, want unix.Stat_t
	if err := unix.Stat(threadNetNS, &own); err != nil {
		return false, fmt.Errorf("network namespace: %w", err)
	}
	if err := unix.Fstat(n.fd(), &want); err != nil {
		return false, fmt.Errorf("network namespace: %w", err)
	}
	return own.Ino == want.Ino && own.Dev == want.Dev, nil
}

// procSys reads and writes sysctls in a namespace.
type procSys struct{ ns *namespace }

const procSysDir = "/proc/sys/"

func (p procSys) Read(path string) (string, error) {
	var v string
	err := p.ns.do(func() (err error) {
		v, err = readSysctl(path)
		return err
	})
	return v, sysctlError(err)
}

// readSysctl reads a sysctl of the calling thread's namespace with few system calls:
// there are thousands.
func readSysctl(path string) (string, error) {
	fd, err := unix.Open(procSysDir+path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: procSysDir + path, Err: err}
	}
	defer unix.Close(fd)
	// All in one read: bitmaps (ip_local_reserved_ports) begin again at no other place.
	for b := make([]byte, 512); ; b = make([]byte, 4*len(b)) {
		n, err := unix.Pread(fd, b, 0)
		if err != nil {
			return "", &fs.PathError{Op: "read", Path: procSysDir + path, Err: err}
		}
		if n < len(b) {
			return strings.TrimSpace(string(b[:n])), nil
		}
	}
}

// Values reads many on one way into the namespace.
func (p procSys) Values(paths []string) map[string]string {
	all := map[string]string{}
	p.ns.do(func() error {
		for _, path := range paths {
			if v, err := readSysctl(path); err == nil {
				all[path] = v
			}
		}
		return nil
	})
	return all
}

func (p procSys) Write(path, value string) error {
	return sysctlError(p.ns.do(func() error {
		f, err := os.OpenFile(procSysDir+path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(value + "\n")
		return errors.Join(err, f.Close())
	}))
}

// sysctlError says what a person needs to know of a failed access.
func sysctlError(err error) error {
	var pe *fs.PathError
	if !errors.As(err, &pe) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no such sysctl in this kernel or namespace (%w)", pe.Err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("the kernel refuses this value (%w)", pe.Err)
	}
	return pe.Err
}
