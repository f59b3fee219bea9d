package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// logger is what the engine tells of a run: print() and warnings as lines on the
// standard error, with verbose the phases too, and on a terminal a line that
// shows how far sending is.
func (a *app) logger(script string, verbose bool) *slog.Logger {
	h := &handler{w: a.stderr, script: script, verbose: verbose, tty: terminal(a.stderr), now: time.Now}
	a.handler = h
	return slog.New(h)
}

// done takes the progress line away.
func (a *app) done() {
	if a.handler != nil {
		a.handler.mu.Lock()
		defer a.handler.mu.Unlock()
		a.handler.clear()
	}
}

// A handler writes the engine's records for people.
type handler struct {
	w       io.Writer
	script  string
	verbose bool
	tty     bool
	now     func() time.Time

	mu    sync.Mutex
	shown bool      // the progress line stands
	last  time.Time // when it was drawn
	begin time.Time // when the commit that is being sent began
	batch int64     // which that is

	commits int // that there are; 0 not known before
}

// planned says how many commits there will be.
func (h *handler) planned(commits int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commits = commits
}

const redraw = 100 * time.Millisecond

func (h *handler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || h.tty || h.verbose
}

// WithAttrs and WithGroup: the engine's records carry all they have to say.
func (h *handler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *handler) WithGroup(string) slog.Handler      { return h }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	attrs := map[string]slog.Value{}
	var all []string
	r.Attrs(func(a slog.Attr) bool {
		attrs[a.Key] = a.Value
		all = append(all, a.String())
		return true
	})
	switch {
	case r.Level >= slog.LevelWarn:
		h.clear()
		fmt.Fprintf(h.w, "warning: %s\n", r.Message)
	case attrs["print"].Kind() == slog.KindBool:
		h.clear()
		fmt.Fprintln(h.w, r.Message)
	case r.Message == "progress":
		h.progress(attrs)
	case h.verbose:
		h.clear()
		fmt.Fprintln(h.w, strings.Join(append([]string{r.Message}, all...), " "))
	}
	return nil
}

func (h *handler) clear() {
	if h.shown {
		fmt.Fprint(h.w, "\r\x1b[K")
		h.shown = false
	}
}

// progress draws the line anew, if it is time.
func (h *handler) progress(attrs map[string]slog.Value) {
	now := h.now()
	if b := attrs["batch"].Int64(); b != h.batch {
		h.batch, h.begin = b, now
	}
	done, total := attrs["done"].Int64(), attrs["total"].Int64()
	if !h.tty || total == 0 || now.Sub(h.last) < redraw {
		return
	}
	h.last, h.shown = now, true
	line := fmt.Sprintf("%s  commit %d", h.script, h.batch)
	if h.commits > 0 {
		line += fmt.Sprintf("/%d", h.commits)
	}
	if label := attrs["commit"].String(); label != "" {
		line += fmt.Sprintf(" %q", label)
	}
	line += fmt.Sprintf("  sending %s of %s %s  %d%%", thousands(done), thousands(total), attrs["what"], done*100/total)
	if took := now.Sub(h.begin); took >= redraw && done > 0 {
		rate := float64(done) / took.Seconds()
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		line += fmt.Sprintf("  %s/s  %.0f s left", short(rate), left.Seconds())
	}
	fmt.Fprintf(h.w, "\r\x1b[K%s   Ctrl-C undoes", line)
}

// thousands writes 1000000 as 1,000,000.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes a rate: 312k.
func short(r float64) string {
	switch {
	case r >= 10e6:
		return fmt.Sprintf("%.0fM", r/1e6)
	case r >= 10e3:
		return fmt.Sprintf("%.0fk", r/1e3)
	}
	return fmt.Sprintf("%.0f", r)
}
