package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What is read may never come: Ctrl-C ends a command that waits for it.
func TestInterruptedReading(t *testing.T) {
	stdin, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer stdin.Close()
	dir := t.TempDir()
	fifo, plain := filepath.Join(dir, "fifo"), filepath.Join(dir, "plain.star")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plain, []byte("commit()"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"build -", "build --stand-ins " + fifo, "run --link eth0=2 -", "build --params " + fifo + " " + plain,
		"build --facts " + fifo + " " + plain, "golden " + fifo, "decode", "decode " + fifo,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		var out, said strings.Builder
		status := run(ctx, strings.Fields(args), stdin, &out, &said)
		if !strings.Contains(said.String(), "interrupted") || status != exitFailed {
			t.Errorf("%s: status %d, %s", args, status, &said)
		}
	}
}

func TestLoadsFiles(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	site := filepath.Join(dir, "site.star")
	if err := os.WriteFile(site, []byte(`load("fifo", "x")`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, said strings.Builder
	if status := run(t.Context(), []string{"build", site}, nil, &out, &said); status != exitFailed || !strings.Contains(said.String(), "cannot load fifo: is no regular file") {
		t.Errorf("status %d, %s", status, &said)
	}
}
