package engine

import "os"

// All returns the sysctls in a directory, by path. Some can only be written, or
// have no value yet: they are left out.
func (p procSys) All(dir string) (map[string]string, error) {
	var all map[string]string
	err := p.ns.do(func() error {
		files, err := os.ReadDir(procSysDir + dir)
		var paths []string
		for _, f := range files {
			if f.Type().IsRegular() {
				paths = append(paths, dir+"/"+f.Name())
			}
		}
		all = p.Values(paths)
		return err
	})
	return all, err
}
