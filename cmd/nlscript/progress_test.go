package main

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestProgress: on a terminal there is one line, drawn anew at most ten times a
// second, that goes before anything else is written.
func TestProgress(t *testing.T) {
	var w strings.Builder
	now := time.Unix(1000, 0)
	h := &handler{w: &w, script: "site.star", tty: true, now: func() time.Time { return now }}
	log := slog.New(h)
	step := func(after time.Duration, done int) {
		now = now.Add(after)
		log.Debug("progress", "commit", "routes", "batch", 2, "done", done, "total", 1000000, "what", "routes")
	}
	h.planned(2)
	step(0, 0)
	step(50*time.Millisecond, 10000) // too soon
	step(950*time.Millisecond, 312000)
	log.Info("hello", "print", true)
	log.Warn("careful")
	log.Debug("committed", "commit", "routes")
	const clear = "\r\x1b[K"
	want := clear + `site.star  commit 2/2 "routes"  sending 0 of 1,000,000 routes  0%   Ctrl-C undoes` +
		clear + `site.star  commit 2/2 "routes"  sending 312,000 of 1,000,000 routes  31%  312k/s  2 s left   Ctrl-C undoes` +
		clear + "hello\nwarning: careful\n"
	if got := w.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestQuiet: where there is no terminal nobody sees progress; -v shows phases.
func TestQuiet(t *testing.T) {
	var w strings.Builder
	log := slog.New(&handler{w: &w, verbose: true, now: time.Now})
	log.Debug("progress", "commit", "", "batch", 1, "done", 1, "total", 2)
	log.Debug("committed", "commit", "lan", "messages", 3)
	if got, want := w.String(), "committed commit=lan messages=3\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if slog.New(&handler{w: &w}).Enabled(t.Context(), slog.LevelDebug) {
		t.Error("records are made that nobody sees")
	}
}

func TestColours(t *testing.T) {
	const text = "commit 1\n  + link lan\n      - addr 10.0.0.1/24\n  = 3 objects\n\nplan: 1 to add\n"
	if got := painter(false).plan(text); got != text {
		t.Errorf("without colours: %q", got)
	}
	want := "commit 1\n" + green + "  + link lan" + plain + "\n" + red + "      - addr 10.0.0.1/24" + plain + "\n  = 3 objects\n\nplan: 1 to add\n"
	if got := painter(true).plan(text); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if colours(new(strings.Builder)) {
		t.Error("colours where there is no terminal")
	}
}
