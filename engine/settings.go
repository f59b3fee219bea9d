package engine

import (
	"os"
	"strings"
)

// All returns the sysctls in a directory, by path. Some can only be written, or
// have no value yet: they are left out.
func (p procSys) All(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := p.ns.do(func() error {
		files, err := os.ReadDir(procSysDir + dir)
		for _, f := range files {
			path := dir + "/" + f.Name()
			if b, err := os.ReadFile(procSysDir + path); err == nil && f.Type().IsRegular() {
				all[path] = strings.TrimSpace(string(b))
			}
		}
		return err
	})
	return all, err
}
