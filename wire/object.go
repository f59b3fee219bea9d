package wire

import "sync"

// An Object is a kind of thing that the kernel keeps and that messages make,
// change and remove: a link, an address, a route.
type Object struct {
	Name          string // constructor in scripts: route, bridge.fdb
	Doc           string // one paragraph
	Table         *Table
	Subject       string // row that is the positional argument; "" none
	By            string // row that addresses an object that exists, given the subject (link: index); "" the subject itself
	New, Del, Get uint16 // message types

	// Verbs are the kernel's own, each always sent with exactly its flags.
	Verbs []Verb

	// Finish completes a set before it is encoded: the family that follows
	// from the addresses, the defaults that iproute2 would send. A row that was
	// written is left alone.
	Finish func(s *Set, v *Verb) error

	// What the engine needs (KERNEL.md B and C).
	Dumps []map[string]uint64 // header rows of the dump requests that list all objects; nil: one, of zeros
	Patch bool                // ensure changes only what is mentioned; otherwise the object becomes exactly what is written
	// Key names the rows that make two messages the same object, after Canon.
	// Loose key rows count only when they were written (rule priority). KeyOf,
	// when set, appends to key what Key cannot say.
	Key   []string
	KeyOf func(s *Set, key []byte) []byte
	// Open takes out of a canonical set what of the key absent() takes to be anything
	// where it is not written; nil: nothing. Tacit are the rows of that which Finish
	// fills in.
	Open  func(s *Set)
	Tacit []string
	Rank  int // what has a lower rank must exist before
	// Implied are rows that a report leaves out when they are 0, where a request without
	// them means something else.
	Implied []string
	// Picks is the row of Key that the kernel fills in for what is made without.
	Picks string
	// Canon rewrites a decoded message, sent or reported, as the kernel keeps
	// it, so that equal objects compare equal: defaults, masks, clamps.
	Canon func(s *Set)
	// Foreign reports that the kernel or a daemon owns the object: never
	// replaced, exported or removed unasked.
	Foreign func(s *Set) bool
	// Learned says that what is Foreign was learned: it comes again by itself, and a
	// script may write it down or remove it.
	Learned bool
	// Replace says that NLM_F_REPLACE makes an existing object exactly the one
	// sent, for the rows that differ; otherwise it is deleted and added.
	Replace func(row *Field) bool
	// Clash says that it does not, whatever the rows, when want and have are as they are.
	Clash func(want, have *Set) bool
	// Shares says that the object is one of several that the kernel keeps under
	// what it takes for one key: NLM_F_APPEND adds it, and nothing replaces it.
	Shares func(s *Set) bool
	// Hashed says that the order in which the kernel lists the objects means nothing, and
	// is another the next time: all tables of neighbours grow and are hashed anew.
	Hashed bool
	// Apart says that nothing comes or goes with the object.
	Apart bool
	// Alone says that it comes with nothing else: what the kernel makes by itself is
	// Foreign.
	Alone bool
	// Delete names the rows a deletion carries; nil: all rows that can be written.
	Delete []string
	// Hits reports whether a deletion fits an object that is there: the kernel
	// removes the first that it fits, and NLM_F_EXCL refuses what would fit one. nil:
	// only the one with its key.
	Hits func(deletion, have *Set) bool
	// Irreversible says what of an object that the kernel reports no message makes
	// again once it is gone: keys, a program; "" nothing.
	Irreversible func(s *Set) string
	// Leaves says by what the object cannot be made again that goes with another, as a
	// deletion of its own would have taken it away, too; "" nothing.
	Leaves func(s *Set) string
	// Unlisted is what the object may take along that has no table: the filters of a
	// queueing discipline.
	Unlisted func(s *Set) []Unlisted
	// Within names the rows by which exact() bounds a set of these objects; nil:
	// exact() is not for them. The first must be given, unless it is "".
	Within []string

	// What of the kernel's messages is not about one object of its own.
	//
	// Flagless says that New makes an object and changes one that is there,
	// without any flag for either.
	Flagless bool
	// Adds says that New makes an object that is missing without NLM_F_CREATE, too.
	Adds bool
	// Reports makes of what the kernel reports, of whatever type, a message of
	// type New for each object; nil: it reports each so itself.
	Reports func(msg []byte) [][]byte
	// Each returns the objects that one message is about, canonical as s is; nil:
	// it is one. Join is the reverse: what both are in one message, nil when there
	// is no such one. Without Join each is ensured by a message of its own.
	Each func(s *Set) []*Set
	Join func(s, next *Set) *Set

	once sync.Once
	keys []*Field
}

// Unlisted is what the kernel keeps and no table stands for: no script makes it, and
// whoever reads the kernel's state, or removes what it goes with, should say so.
type Unlisted struct {
	What  string   // in the plural
	Dumps [][]byte // requests that list it
	// Count tells how many of it a message of an answer, behind its nlmsghdr, has that
	// the kernel did not make by itself; nil: one.
	Count func(b []byte) int
}

// AddFlags are the flags of a message that makes an object, or changes it.
func (o *Object) AddFlags(flags uint16) uint16 {
	if o.Flagless {
		return 0
	}
	return flags
}

// KeyRows returns the rows that Key names. The slice is shared: do not change it.
func (o *Object) KeyRows() []*Field {
	o.once.Do(func() {
		for _, name := range o.Key {
			if f := o.Table.Row(name); f != nil {
				o.keys = append(o.keys, f)
			}
		}
	})
	return o.keys
}

// Several reports whether the kernel keeps several objects of one key, in an
// order: it has a verb that appends, and what that makes is not told apart.
func (o *Object) Several() bool { return o.Verb("append") != nil && o.Shares == nil }

// A Verb is a way to send an object: route.append is a new route with
// NLM_F_CREATE and NLM_F_APPEND.
type Verb struct {
	Name   string
	Type   uint16 // message type
	Flags  uint16 // beside NLM_F_REQUEST and NLM_F_ACK
	Exists bool   // the object must exist: the subject addresses it by Object.By
	Doc    string
}

// Verb returns the verb with this name, or nil.
func (o *Object) Verb(name string) *Verb {
	for i := range o.Verbs {
		if o.Verbs[i].Name == name {
			return &o.Verbs[i]
		}
	}
	return nil
}
