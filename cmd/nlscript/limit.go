package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mostMemory is what scripts may take on machines that have four times as much.
const mostMemory = 8 << 30

// limitMemory bounds what scripts can make this process take. A single step may
// double what there is, and the Go runtime does not survive it when the kernel
// refuses memory (RLIMIT_DATA). So the context is cancelled at a
// quarter of the machine's memory, which undoes the run and says why, and
// RLIMIT_DATA leaves room for the step meanwhile.
func limitMemory(ctx context.Context, cancel context.CancelCauseFunc) {
	limit := memoryLimit()
	if limit == 0 {
		return
	}
	var old unix.Rlimit
	hard := 3*limit + limit/4
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &old); err != nil || old.Cur <= hard {
		limit = min(limit, old.Cur/13*4)
	} else if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: hard, Max: old.Max}); err != nil {
		return
	}
	debug.SetMemoryLimit(int64(limit / 4 * 3)) // above this the garbage collector tries harder
	go watchMemory(ctx, limit, func() {
		cancel(fmt.Errorf("the script takes more than %d MiB of memory", limit>>20))
	})
}

// memoryLimit is a quarter of the machine's memory, mostMemory at most; 0 when
// the memory is not known.
func memoryLimit() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return min(uint64(info.Totalram)*uint64(info.Unit)/4, mostMemory)
}

// watchMemory calls over once when the process takes more than limit. It looks each
// time that the process has computed for a while: one that waits, for carrier or to
// be confirmed, is left asleep.
func watchMemory(ctx context.Context, limit uint64, over func()) {
	computed := make(chan os.Signal, 1)
	signal.Notify(computed, unix.SIGVTALRM)
	defer signal.Stop(computed)
	often := unix.NsecToTimeval((4 * time.Millisecond).Nanoseconds())
	if _, err := unix.Setitimer(unix.ItimerVirtual, unix.Itimerval{Interval: often, Value: often}); err != nil {
		return
	}
	defer unix.Setitimer(unix.ItimerVirtual, unix.Itimerval{})
	for {
		select {
		case <-ctx.Done():
			return
		case <-computed:
		}
		if memory() > limit {
			over()
			return
		}
	}
}

// memory is what the process takes for itself, in bytes; 0 when it is not known.
func memory() uint64 {
	b, _ := os.ReadFile("/proc/self/statm")
	f := strings.Fields(string(b)) // in pages: size, resident, shared, ...
	if len(f) < 3 {
		return 0
	}
	resident, err := strconv.ParseUint(f[1], 10, 64)
	shared, err2 := strconv.ParseUint(f[2], 10, 64)
	if err != nil || err2 != nil || shared > resident {
		return 0
	}
	return (resident - shared) * uint64(os.Getpagesize())
}
