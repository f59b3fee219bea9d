package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
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

// watchMemory calls over once when the process takes more than limit.
func watchMemory(ctx context.Context, limit uint64, over func()) {
	const often = 10 * time.Millisecond
	for t := time.NewTicker(often); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
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
	var size, resident, shared uint64 // in pages
	if n, _ := fmt.Sscan(string(b), &size, &resident, &shared); n < 3 || shared > resident {
		return 0
	}
	return (resident - shared) * uint64(os.Getpagesize())
}
