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

// forget drops what is known of a device that goes.
func (s Sysctls) forget(device string) {
	of := func(path, _ string) bool { return DeviceOf(path) == device }
	maps.DeleteFunc(s.Sure, of)
	maps.DeleteFunc(s.Perhaps, of)
}

// rename makes what is known of a device known of the name that it gets.
func (s Sysctls) rename(device, to string) {
	for _, m := range []map[string]string{s.Sure, s.Perhaps} {
		for path, value := range maps.Clone(m) {
			if DeviceOf(path) == device {
				delete(m, path)
				m[Renamed(path, device, to)] = value
			}
		}
	}
}

// Renamed is the path of a sysctl when a device has got another name.
func Renamed(path, device, to string) string {
	if DeviceOf(path) != device {
		return path
	}
	parts := strings.Split(path, "/")
	parts[3] = to
	return strings.Join(parts, "/")
}

// DeviceOf is the name of the device that a sysctl is of, "" none.
func DeviceOf(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) != 5 || parts[2] != "conf" && parts[2] != "neigh" {
		return ""
	}
	return parts[3]
}
