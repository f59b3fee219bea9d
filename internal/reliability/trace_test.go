package reliability

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A tracer counts the system calls of a run from the creation of its journal to
// its removal, before and after each, and kills the process at one of these
// places. What only the Go runtime needs is not counted.
type tracer struct {
	at      int            // where to kill; never beyond the removal of the journal
	n       int            // places so far
	began   bool           // the journal is being made
	ended   bool           // and is removed
	pending map[int]string // by thread: what the system call that it is in is about

	act  int    // a place before that of the kill
	do   func() // what happens there; nil: nothing
	sent int    // where the first message is about to be sent
	next bool   // that is the next sendmsg
}

// toTheEnd kills when the journal has just been removed.
const toTheEnd = math.MaxInt

// uncounted are system calls of the runtime.
var uncounted = []uint64{unix.SYS_FUTEX, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL, unix.SYS_NANOSLEEP, unix.SYS_MADVISE, unix.SYS_MMAP, unix.SYS_MUNMAP,
	unix.SYS_MPROTECT, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_SCHED_YIELD,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_TGKILL, unix.SYS_CLONE, unix.SYS_PRCTL, unix.SYS_RESTART_SYSCALL}

// PTRACE_GET_SYSCALL_INFO of linux/ptrace.h.
const (
	getSyscallInfo = 0x420e
	infoEntry      = 1
	infoExit       = 2
)

type syscallInfo struct {
	op   uint8
	_    [3]uint8
	_    uint32
	_, _ uint64
	nr   uint64 // of an exit: the result
	args [6]uint64
	_    [4]uint64
}

// run starts a command in the namespace of the calling thread, which must be
// locked, kills it and waits until all of it is gone.
func (tr *tracer) run(argv, env []string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Env: env, Files: []*os.File{null, null, null}, Sys: &syscall.SysProcAttr{Ptrace: true}})
	if err != nil {
		return err
	}
	defer p.Release()
	tr.pending = map[int]string{}
	known := map[int]bool{}
	for {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ECHILD:
			return nil
		case err != nil:
			return os.NewSyscallError("wait4", err)
		case !ws.Stopped():
			continue
		}
		sig := 0
		switch first := !known[tid]; {
		case first && tid == p.Pid:
			const exitKill = 0x100000
			if err := unix.PtraceSetOptions(tid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|exitKill); err != nil {
				return os.NewSyscallError("ptrace", err)
			}
		case first && ws.StopSignal() == unix.SIGSTOP: // a new thread
		case ws.StopSignal() == unix.SIGTRAP|0x80:
			if tr.place(tid) {
				if err := unix.Kill(p.Pid, unix.SIGKILL); err != nil {
					return os.NewSyscallError("kill", err)
				}
				continue
			}
		case ws.StopSignal() == unix.SIGTRAP && ws.TrapCause() > 0:
		default:
			sig = int(ws.StopSignal())
		}
		known[tid] = true
		if err := unix.PtraceSyscall(tid, sig); err != nil && err != unix.ESRCH {
			return os.NewSyscallError("ptrace", err)
		}
	}
}

// place looks at a thread that is about to make a system call, or has, and
// reports whether it is the place to kill.
func (tr *tracer) place(tid int) bool {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 || tr.ended {
		return false
	}
	what := tr.pending[tid]
	switch info.op {
	case infoEntry:
		what = name(tid, &info)
		tr.pending[tid] = what
		tr.began = tr.began || what == "make"
	case infoExit:
		delete(tr.pending, tid)
		if what == "remove" {
			tr.ended = true
		}
	}
	if !tr.began || what == "" {
		return false
	}
	switch {
	case info.op != infoEntry:
	case what == "announce":
		tr.next = true
	case tr.next && info.nr == unix.SYS_SENDMSG:
		tr.next, tr.sent = false, tr.n
	}
	if tr.n == tr.act && tr.do != nil {
		tr.do()
	}
	tr.n++
	if tr.ended {
		return true
	}
	for other, what := range tr.pending {
		if what == "remove" && other != tid {
			return false // the run may have ended, which its exit tells
		}
	}
	return tr.n > tr.at
}

// name says what a system call is about: "" when it does not count.
func name(tid int, info *syscallInfo) string {
	nr := info.nr
	switch {
	case slices.Contains(uncounted, nr):
		return ""
	case nr == unix.SYS_OPENAT && info.args[2]&unix.O_CREAT != 0 && strings.HasSuffix(text(tid, info.args[1]), ".journal"):
		return "make"
	case nr == unix.SYS_UNLINKAT && strings.HasSuffix(text(tid, info.args[1]), ".journal"):
		return "remove"
	case nr == unix.SYS_WRITE && announces(memory(tid, info.args[1])):
		return "announce"
	}
	return fmt.Sprint(nr)
}

// announces reports whether a record of the journal is that of a datagram about to
// be sent: behind its length and checksums it has nothing (codeRecord in engine/tx)
// until then.
func announces(record []byte) bool {
	const head = 12
	return len(record) > head+6 && bytes.Equal(record[head:head+6], []byte{0, 0, 0, 0, 0, 1})
}

// text reads a string of the traced process.
func text(tid int, addr uint64) string {
	s, _, _ := bytes.Cut(memory(tid, addr), []byte{0})
	return string(s)
}

func memory(tid int, addr uint64) []byte {
	b := make([]byte, 256)
	n, _ := unix.PtracePeekData(tid, uintptr(addr), b)
	return b[:n]
}
