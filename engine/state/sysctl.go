package state

import (
	"maps"
	"strings"
)

// Sysctls are values by paths below /proc/sys, as plans expect them.
type Sysctls struct {
	Sure    map[string]string // that are so when the plan is carried out
	Perhaps map[string]string // that may have become so, whatever they are otherwise
}

func (s Sysctls) clone() Sysctls { return Sysctls{maps.Clone(s.Sure), maps.Clone(s.Perhaps)} }

// Write notes that a plan makes a value so.
func (s Sysctls) Write(path, value string) {
	s.Sure[path] = value
	delete(s.Perhaps, path)
}

// forget drops what is known of a device that goes or gets another name.
func (s Sysctls) forget(device string) {
	of := func(path, _ string) bool {
		parts := strings.Split(path, "/")
		return len(parts) == 5 && parts[3] == device
	}
	maps.DeleteFunc(s.Sure, of)
	maps.DeleteFunc(s.Perhaps, of)
}
