package tx

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Journal is what is needed to undo a run whose process is gone. It is written
// and synced before anything is sent, one line a commit, and removed when the
// run is over. Its lock (flock) is held as long as somebody is in charge of the
// run: a free lock means that the run died.
//
// The file holds the state before, restricted to what the commit can change, so
// undoing it is the same difference of state as any undo.
type Journal struct {
	f    *os.File
	head Head
	size int64 // when head was read
}

// A Head is the first line of a journal.
type Head struct {
	Version int       `json:"version"`
	Cookie  uint64    `json:"netns_cookie"` // of the network namespace (SO_NETNS_COOKIE)
	Boot    string    `json:"boot_id"`      // kernel state does not outlive a boot
	PID     int       `json:"pid"`          // to tell people, never to judge by
	Script  string    `json:"script"`
	Started time.Time `json:"started"`

	// Deadline is in a line of its own, written when all commits hold: the run
	// is to be undone then, unless the journal has gone. Due is the same on the
	// clock that nobody sets (CLOCK_BOOTTIME); it decides.
	Deadline time.Time     `json:"-"`
	Due      time.Duration `json:"-"`
	Undone   bool          `json:"-"` // and the journal is about to go

	// Others are the other namespaces that commits of the run are in.
	Others []uint64 `json:"-"`
}

// Left is how long it is to the deadline.
func (h Head) Left() time.Duration { return h.Due - sinceBoot() }

func sinceBoot() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // fails only for clocks that Linux lacks
	return time.Duration(ts.Nano())
}

// a line of a journal after the first: a commit, the deadline, or the end.
type line struct {
	Commit   *image        `json:"commit,omitempty"`
	Deadline time.Time     `json:"deadline,omitzero"`
	Due      time.Duration `json:"due,omitempty"`
	Undone   bool          `json:"undone,omitempty"`
	Others   []uint64      `json:"netns_cookies,omitempty"` // where the next commit is

	// Of the last commit:
	Sending *imageSending `json:"sending,omitempty"`
	Answer  *imageAnswer  `json:"answer,omitempty"`
	Sent    int           `json:"sent,omitempty"` // steps of which all answers are noted
	Heard   *imageHeard   `json:"heard,omitempty"`
	Back    bool          `json:"back,omitempty"` // it was undone
}

// commitLine is how the line of a commit begins. They may be long.
const commitLine = `{"commit":`

const (
	journalVersion = 1
	journalExt     = ".journal"
)

// BootID tells boots apart.
func BootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

// CreateJournal makes and locks a journal in dir. Others cannot read it.
func CreateJournal(dir string, h Head) (*Journal, error) {
	h.Version, h.Boot, h.PID, h.Started = journalVersion, BootID(), os.Getpid(), time.Now()
	f, err := os.CreateTemp(dir, fmt.Sprintf("%d-*%s", h.Cookie, journalExt))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{f: f, head: h}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		// Without a commit behind it, it is worth nothing yet.
		err = j.append(h, false)
	}
	if err != nil {
		j.Remove()
		return nil, fmt.Errorf("journal: %w", err)
	}
	return j, nil
}

// Head is what the journal says of its run.
func (j *Journal) Head() Head { return j.head }

// File is the journal's open, locked file: who holds it is in charge.
func (j *Journal) File() *os.File { return j.f }

// write appends a line and syncs it. A line that does not fit leaves nothing
// behind: others may follow it.
func (j *Journal) write(v any) error { return j.append(v, true) }

// append is write. Without sync the line outlives the process and not the
// machine, whose network state does not either.
func (j *Journal) append(v any, sync bool) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	end, err := j.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err = j.f.Write(append(b, '\n')); err == nil && sync {
		err = j.f.Sync()
	}
	if err != nil {
		return errors.Join(err, j.f.Truncate(end))
	}
	return nil
}

// Commit notes that all commits of the run hold, and until when they wait to be
// confirmed.
func (j *Journal) Commit(wait time.Duration) error {
	j.head.Deadline, j.head.Due = time.Now().Add(wait), sinceBoot()+wait
	return j.write(line{Deadline: j.head.Deadline, Due: j.head.Due})
}

// Undone notes that the run was undone, for those who wait to hear of it, and
// removes the journal.
func (j *Journal) Undone() error {
	j.write(line{Undone: true}) // a full disk must not keep what is over
	return j.Remove()
}

// Hasten lets the deadline of somebody's journal be now. Who is in charge of it
// looks at it every now and then.
func Hasten(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return (&Journal{f: f}).Commit(0)
}

// Gone reports whether the journal was removed: the run is confirmed, or was
// undone by its own process.
func (j *Journal) Gone() bool { return Removed(j.f) }

// Removed reports whether an open file has no name any more.
func Removed(f *os.File) bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink == 0
}

// Append notes a commit that is about to be sent.
func (j *Journal) Append(p *Plan) error {
	if l := p.cookies(); l != nil {
		if err := j.write(line{Others: l}); err != nil {
			return fmt.Errorf("journal: %w; nothing was sent", err)
		}
	}
	img := p.image()
	p.imageSteps(img)
	if err := j.write(line{Commit: img}); err != nil {
		return fmt.Errorf("journal: %w; nothing was sent", err)
	}
	p.log = j
	for _, q := range p.parts {
		q.log = j
	}
	return nil
}

// Remove ends the journal: the run is over.
func (j *Journal) Remove() error {
	err := os.Remove(j.f.Name())
	return errors.Join(err, j.f.Close())
}

// Close gives up the lock and keeps the file, for recover.
func (j *Journal) Close() error { return j.f.Close() }

// ErrLive says that somebody is in charge of a journal.
var ErrLive = errors.New("the run is still going on")

// Journals returns the paths of all journals in dir.
func Journals(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, "*"+journalExt))
}

// JournalCookie is the namespace that the name of a journal tells; 0 if none.
func JournalCookie(path string) uint64 {
	number, _, _ := strings.Cut(filepath.Base(path), "-")
	cookie, _ := strconv.ParseUint(number, 10, 64)
	return cookie
}

// ReadHead reads what a journal says of its run, without locking it.
func ReadHead(path string) (Head, error) {
	f, err := os.Open(path)
	if err != nil {
		return Head{}, err
	}
	defer f.Close()
	return HeadOf(f)
}

// HeadOf is ReadHead of an open file, which may be removed already.
func HeadOf(f *os.File) (Head, error) {
	h, _, err := readJournal(f, false)
	return h, err
}

// readJournal reads a journal, with its commits if all is wanted. A last line
// that was cut short is that of a commit that was never sent, and left out.
func readJournal(f *os.File, all bool) (h Head, images []*image, err error) {
	r := bufio.NewReader(io.NewSectionReader(f, 0, 1<<62))
	for n := 1; ; n++ {
		b, err := r.ReadBytes('\n')
		if err == io.EOF {
			return h, images, nil
		}
		var l line
		switch {
		case err != nil:
		case n == 1:
			err = json.Unmarshal(b, &h)
		case !all && bytes.HasPrefix(b, []byte(commitLine)):
		default:
			if err = json.Unmarshal(b, &l); err == nil && l.Commit != nil {
				images = append(images, l.Commit)
			}
			if all && len(images) > 0 {
				images[len(images)-1].progress.note(&l)
			}
			h.Others = append(h.Others, l.Others...)
			h.Undone = h.Undone || l.Undone
			if l.Due != 0 {
				h.Deadline, h.Due = l.Deadline, l.Due
			}
		}
		if err != nil {
			return h, images, fmt.Errorf("journal %s: line %d: %w", f.Name(), n, err)
		}
	}
}

// OpenJournal locks a journal that nobody is in charge of; otherwise the error
// is ErrLive.
func OpenJournal(path string) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if err == unix.EWOULDBLOCK {
			return nil, ErrLive
		}
		return nil, err
	}
	return AdoptJournal(f)
}

// AdoptJournal takes over an open and locked journal from another process.
func AdoptJournal(f *os.File) (*Journal, error) {
	j := &Journal{f: f}
	if j.Gone() {
		f.Close()
		return nil, os.ErrNotExist // its run ended between open and lock
	}
	return j, j.Reread()
}

// Reread reads the head again if another process has added to the journal.
func (j *Journal) Reread() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(j.f.Fd()), &st); err != nil || st.Size == j.size {
		return err
	}
	h, _, err := readJournal(j.f, false)
	if err == nil {
		j.head, j.size = h, st.Size
	}
	return err
}

// Undo undoes all commits of the journal, the last first.
func (j *Journal) Undo(ctx context.Context, k Kernel, limit time.Duration) (undone int, left []Residue, err error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("undo took longer than %v", limit))
		defer cancel()
	}
	_, images, err := readJournal(j.f, true)
	if err != nil {
		return 0, nil, err
	}
	for i := len(images) - 1; i >= 0; i-- {
		if images[i].progress.back {
			continue
		}
		p, err := images[i].restored(Source{k.Conn})
		if err != nil {
			return undone, left, err
		}
		n, l, err := p.undoAll(ctx, k)
		undone += n
		left = append(p.Unjudged(left), l...)
		if err != nil {
			return undone, left, err
		}
	}
	return undone, left, nil
}
