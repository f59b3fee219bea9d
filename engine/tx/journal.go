package tx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Journal is what is needed to undo a run whose process is gone. It is written
// and synced before anything is sent, one record a commit, and removed when the
// run is over. Its lock (flock) is held as long as somebody is in charge of the
// run: a free lock means that the run died.
//
// The file holds the state before, restricted to what the commit can change, so
// undoing it is the same difference of state as any undo.
type Journal struct {
	f     *os.File
	head  Head
	size  int64 // when head was read
	whole bool  // the last record is not cut short
}

// journalMagic begins the file. The number changes with what follows.
const journalMagic = "nlscript journal 4\n"

// A Head is the first record of a journal.
type Head struct {
	Cookie  uint64 // of the network namespace (SO_NETNS_COOKIE)
	Boot    string // kernel state does not outlive a boot
	PID     int    // to tell people, never to judge by
	Script  string
	Started time.Time

	// Deadline is in a record of its own, written when all commits hold: the run
	// is to be undone then, unless the journal has gone. Due is the same on the
	// clock that nobody sets (CLOCK_BOOTTIME); it decides.
	Deadline time.Time
	Due      time.Duration
	Undoing  bool // it is too late to confirm
	Undone   bool // and the journal is about to go

	// Others are the other namespaces that commits of the run are in.
	Others []uint64
}

// Left is how long it is to the deadline.
func (h Head) Left() time.Duration { return h.Due - sinceBoot() }

func sinceBoot() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // fails only for clocks that Linux lacks
	return time.Duration(ts.Nano())
}

func codeHead(c *coder, h *Head) {
	codeInt(c, &h.Cookie)
	codeData(c, &h.Boot)
	codeInt(c, &h.PID)
	codeData(c, &h.Script)
	codeTime(c, &h.Started)
}

// A record of a journal after the first: a commit, the deadline, or the end.
type record struct {
	Commit   *image
	Deadline time.Time
	Due      time.Duration
	Undone   bool
	Others   []uint64 // where the next commit is

	// Of the last commit:
	Sending *imageSending
	Answer  *imageAnswer
	Sent    int // steps of which all answers are noted
	Heard   *imageHeard
	Back    bool // it was undone

	Undoing bool // the run, from here on
}

func codeRecord(c *coder, r *record) {
	codeOptional(c, &r.Commit, codeImage) // first: see hasCommit
	codeTime(c, &r.Deadline)
	codeInt(c, &r.Due)
	codeBool(c, &r.Undone)
	codeList(c, &r.Others, codeInt[uint64])
	codeOptional(c, &r.Sending, codeSending)
	codeOptional(c, &r.Answer, codeAnswer)
	codeInt(c, &r.Sent)
	codeOptional(c, &r.Heard, codeHeard)
	codeBool(c, &r.Back)
	codeBool(c, &r.Undoing)
}

// hasCommit tells whether a record is that of a commit. They may be long.
func hasCommit(b []byte) bool { return len(b) > 0 && b[0] != 0 }

const journalExt = ".journal"

// BootID tells boots apart.
func BootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

// CreateJournal makes and locks a journal in dir. Others cannot read it.
func CreateJournal(dir string, h Head) (*Journal, error) {
	h.Boot, h.PID, h.Started = BootID(), os.Getpid(), time.Now()
	f, err := os.CreateTemp(dir, fmt.Sprintf("%d-*%s", h.Cookie, journalExt))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{f: f, head: h, whole: true}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		c := coder{b: append([]byte(journalMagic), make([]byte, headerLen)...)}
		codeHead(&c, &h)
		// Without a commit behind it, it is worth nothing yet.
		err = j.append(c.b, len(journalMagic), false)
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

// write adds a record and syncs it. A record that does not fit leaves nothing
// behind: others may follow it.
func (j *Journal) write(r record) error { return j.record(r, true) }

// record is write. Without sync the record outlives the process and not the
// machine, whose network state does not either.
func (j *Journal) record(r record, sync bool) error {
	c := coder{b: make([]byte, headerLen, 128)}
	codeRecord(&c, &r)
	return j.append(c.b, 0, sync)
}

// append adds bytes that have a record from off on.
func (j *Journal) append(b []byte, off int, sync bool) error {
	if err := seal(b[off:]); err != nil {
		return err
	}
	if err := j.mend(); err != nil {
		return err
	}
	end, err := j.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err = j.f.Write(b); err == nil && sync {
		err = j.f.Sync()
	}
	if err != nil {
		terr := j.f.Truncate(end)
		j.whole = terr == nil
		return errors.Join(err, terr)
	}
	return nil
}

// mend takes off what a process that died left of a record: what is written
// behind it would be taken for the rest of it.
func (j *Journal) mend() error {
	if j.whole {
		return nil
	}
	_, _, cut, err := readJournal(j.f, false)
	if err != nil {
		return err
	}
	if st, serr := j.f.Stat(); serr == nil && cut > 0 {
		err = j.f.Truncate(st.Size() - cut)
	}
	j.whole = err == nil
	return err
}

// Commit notes that all commits of the run hold, and until when they wait to be
// confirmed.
func (j *Journal) Commit(wait time.Duration) error {
	j.head.Deadline, j.head.Due = time.Now().Add(wait), sinceBoot()+wait
	return j.write(record{Deadline: j.head.Deadline, Due: j.head.Due})
}

// Undone notes that the run was undone, for those who wait to hear of it, and
// removes the journal.
func (j *Journal) Undone() error {
	j.write(record{Undone: true}) // a full disk must not keep what is over
	return j.Remove()
}

// Hasten lets the deadline of somebody's journal be now. Who is in charge of it
// looks at it every now and then.
func Hasten(path string) error {
	f, err := openJournal(path, os.O_RDWR)
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
		if err := j.write(record{Others: l}); err != nil {
			return fmt.Errorf("journal: %w; nothing was sent", err)
		}
	}
	img := p.image()
	p.imageSteps(img)
	if err := j.write(record{Commit: img}); err != nil {
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

// A BrokenError says that a journal cannot be read, or not be understood: what it
// would restore is not known.
type BrokenError struct {
	Path string
	Err  error
}

func (e *BrokenError) Error() string { return fmt.Sprintf("journal %s: %v", e.Path, e.Err) }
func (e *BrokenError) Unwrap() error { return e.Err }

// Residue tells of the journal among what cannot be restored.
func (e *BrokenError) Residue() Residue {
	return Residue{Title: "journal " + e.Path, Text: fmt.Sprintf("cannot be read, so that nobody knows what its run changed: %v", e.Err)}
}

// Journals returns the paths of all journals in dir. One that is not there has none.
func Journals(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("journal: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), journalExt) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}

// JournalCookie is the namespace that the name of a journal tells; 0 if none.
func JournalCookie(path string) uint64 {
	number, _, _ := strings.Cut(filepath.Base(path), "-")
	cookie, _ := strconv.ParseUint(number, 10, 64)
	return cookie
}

// ReadHead reads what a journal says of its run, without locking it.
func ReadHead(path string) (Head, error) {
	f, err := openJournal(path, os.O_RDONLY)
	if err != nil {
		return Head{}, err
	}
	defer f.Close()
	return HeadOf(f)
}

// openJournal opens a journal, and nothing else that somebody may have put there.
func openJournal(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, err
	case err != nil:
		return nil, &BrokenError{path, err}
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, &BrokenError{path, errors.New("it is no file")}
	}
	return f, nil
}

// HeadOf is ReadHead of an open file, which may be removed already.
func HeadOf(f *os.File) (Head, error) {
	h, _, _, err := readJournal(f, false)
	return h, err
}

// readJournal reads a journal, with its commits if all is wanted. A last record
// that is cut short was being written when its process died. It is left out: a
// commit, or a datagram of one, is sent only when its record is there. cut is how
// much there is of it. A head that is cut short is no such thing, as it is written
// at once: the file has lost what was behind it.
func readJournal(f *os.File, all bool) (h Head, images []*image, cut int64, err error) {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return h, nil, 0, &BrokenError{f.Name(), err}
	}
	if len(b) == 0 {
		return h, nil, 0, nil // its run died at once
	}
	b, ok := bytes.CutPrefix(b, []byte(journalMagic))
	switch {
	case !ok && strings.HasPrefix(journalMagic, string(b)):
		return h, nil, 0, &BrokenError{f.Name(), errRecordCut}
	case !ok:
		return h, nil, 0, &BrokenError{f.Name(), errors.New("it is of another version of nlscript, or damaged")}
	}
	for n := 1; n == 1 || len(b) > 0; n++ {
		data, rest, err := nextRecord(b)
		if err == errRecordCut && n > 1 {
			break
		}
		c := coder{b: data, reading: true, err: err}
		b = rest
		var r record
		switch {
		case err != nil:
		case n == 1:
			codeHead(&c, &h)
		case !all && hasCommit(c.b):
			continue
		default:
			codeRecord(&c, &r)
		}
		if c.err != nil {
			return h, images, 0, &BrokenError{f.Name(), fmt.Errorf("record %d: %w", n, c.err)}
		}
		if r.Commit != nil {
			images = append(images, r.Commit)
		}
		if all && len(images) > 0 {
			for _, img := range images[:len(images)-1] {
				img.progress.later(&r)
			}
			images[len(images)-1].progress.note(&r)
		}
		h.Others = append(h.Others, r.Others...)
		h.Undoing = h.Undoing || r.Undoing
		h.Undone = h.Undone || r.Undone
		if r.Due != 0 {
			h.Deadline, h.Due = r.Deadline, r.Due
		}
	}
	return h, images, int64(len(b)), nil
}

// OpenJournal locks a journal that nobody is in charge of; otherwise the error
// is ErrLive.
func OpenJournal(path string) (*Journal, error) {
	f, err := openJournal(path, os.O_RDWR)
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
	if err := j.Reread(); err != nil {
		f.Close()
		return nil, err
	}
	return j, nil
}

// Reread reads the head again if another process has added to the journal.
func (j *Journal) Reread() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(j.f.Fd()), &st); err != nil || st.Size == j.size {
		return err
	}
	h, _, _, err := readJournal(j.f, false)
	if err == nil {
		j.head, j.size = h, st.Size
	}
	return err
}

// Undo undoes all commits of the journal, the last first. Before it begins it notes
// that: what is undone in part must not be confirmed.
func (j *Journal) Undo(ctx context.Context, k Kernel, limit time.Duration) (undone int, left []Residue, err error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("undo took longer than %v", limit))
		defer cancel()
	}
	_, images, _, err := readJournal(j.f, true)
	if err != nil {
		return 0, nil, err
	}
	if !j.head.Undoing {
		j.head.Undoing = true
		j.record(record{Undoing: true}, false) // a full disk must not keep it from being undone
	}
	for i := len(images) - 1; i >= 0; i-- {
		if images[i].progress.back {
			continue
		}
		p, err := images[i].restored(Source{k.Conn}, j.head.Cookie)
		if err != nil {
			return undone, left, &BrokenError{j.f.Name(), err}
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
