// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const own = "github.com/confab-im/confab"

// defaults are the folders whose packages an app links.
var defaults = []string{"core", "ui-bindings", "mobile"}

var platforms = []struct{ os, arch string }{
	{"linux", "amd64"}, {"android", "arm64"}, {"darwin", "arm64"}, {"ios", "arm64"}, {"windows", "amd64"},
}

// A module is one that is linked, with its licences once it was inspected.
type module struct {
	path, version, dir string
	sources            map[string]bool // folders of the linked packages
	compiled           map[string]bool // source files
	files              []file          // of licences
	licences           []string
}

type file struct {
	name string // relative to the module
	text []byte
}

// listed is what go list tells about a package.
type listed struct {
	Dir, Root, ImportPath                               string
	Standard                                            bool
	Module                                              *struct{ Path, Version, Dir string }
	GoFiles, CgoFiles, CFiles, CXXFiles, HFiles, SFiles []string
}

func goList(dir, goos, goarch string, args ...string) ([]listed, error) {
	cmd := exec.Command("go", append([]string{"list", "-json"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=1", "GOFLAGS=-mod=readonly", "GOPROXY=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list for %s: %w: %s", goos, err, &stderr)
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", goos, err)
		}
		packages = append(packages, p)
	}
}

// linked returns the modules by path, our own first.
func linked(dir string, packages []string) ([]*module, error) {
	if len(packages) == 0 {
		for _, folder := range defaults {
			if _, err := os.Stat(filepath.Join(dir, folder)); err == nil {
				packages = append(packages, "./"+folder+"/...")
			}
		}
	}
	found := make(map[string]*module)
	for _, platform := range platforms {
		list, err := goList(dir, platform.os, platform.arch, append([]string{"-deps"}, packages...)...)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if err := add(found, &list[i]); err != nil {
				return nil, err
			}
		}
	}
	var modules []*module
	for _, m := range found {
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b *module) int {
		if (a.path == own) != (b.path == own) {
			return map[bool]int{true: -1, false: 1}[a.path == own]
		}
		return strings.Compare(a.path, b.path)
	})
	return modules, nil
}

func add(found map[string]*module, p *listed) error {
	m := module{path: "std", version: runtime.Version(), dir: p.Root}
	switch {
	case p.Standard:
	case p.Module == nil || p.Module.Dir == "":
		return fmt.Errorf("%s: its module is not on this machine", p.ImportPath)
	default:
		m.path, m.version, m.dir = p.Module.Path, p.Module.Version, p.Module.Dir
	}
	known := found[m.path]
	if known == nil {
		m.sources, m.compiled = make(map[string]bool), make(map[string]bool)
		known = &m
		found[m.path] = known
	}
	known.sources[p.Dir] = true
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.CFiles, p.CXXFiles, p.HFiles, p.SFiles) {
		known.compiled[filepath.Join(p.Dir, name)] = true
	}
	return nil
}

// inspect finds the licences of a module and says what is wrong with them.
func (m *module) inspect() error {
	folders := map[string]bool{m.dir: true}
	for dir := range m.sources {
		for ; dir != m.dir && len(dir) > len(m.dir); dir = filepath.Dir(dir) {
			folders[dir] = true
		}
	}
	if err := m.readLicences(folders); err != nil {
		return err
	}
	if len(m.files) == 0 {
		return fmt.Errorf("%s: no licence", m.path)
	}
	var failures []error
	for _, f := range m.files {
		licences, err := recognise(string(f.text))
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %s: %w", m.path, f.name, err))
		}
		m.licences = append(m.licences, licences...)
	}
	for name := range m.compiled {
		if err := checkSource(name); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", m.path, err))
		}
	}
	slices.Sort(m.licences)
	m.licences = slices.Compact(m.licences)
	return errors.Join(failures...)
}

func (m *module) readLicences(folders map[string]bool) error {
	for dir := range folders {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry.IsDir() || !isLicence(entry.Name()) {
				continue
			}
			path := filepath.Join(dir, entry.Name())
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(m.dir, path)
			if err != nil {
				return err
			}
			m.files = append(m.files, file{filepath.ToSlash(name), text})
		}
	}
	slices.SortFunc(m.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return nil
}

// isLicence tells a licence by the name of its file. Grants of patents add to
// one.
func isLicence(name string) bool {
	name = strings.ToUpper(name)
	switch filepath.Ext(name) {
	case ".GO", ".C", ".H", ".PY", ".SH":
		return false
	}
	return strings.Contains(name, "LICEN") || strings.HasPrefix(name, "COPYING") || strings.HasPrefix(name, "COPYRIGHT")
}

// head is how much of a source file is looked at for its licence.
const head = 8 << 10

func checkSource(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	begin, err := io.ReadAll(io.LimitReader(f, head))
	if err != nil {
		return err
	}
	if isCopyleft(plain(string(begin))) {
		return fmt.Errorf("%s: %w", filepath.Base(name), errCopyleft)
	}
	return nil
}
