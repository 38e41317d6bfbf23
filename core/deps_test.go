// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/confab-im/confab"

// mayImport is the rule of the house, by top-level folder:
//
//	examples ─► mobile ─► ui-bindings ─► core ─► network   storage   crypto
//
// A folder may always import itself. Folders that are missing here may not hold
// packages.
var mayImport = map[string][]string{
	"network":     {},
	"storage":     {},
	"crypto":      {},
	"core":        {"network", "storage", "crypto"},
	"ui-bindings": {"core"},
	"mobile":      {"core", "ui-bindings"},
	"examples":    {"core", "ui-bindings", "mobile", "network", "storage", "crypto", "internal"},
	"internal":    {"core", "ui-bindings", "mobile", "network", "storage", "crypto"},
}

// copyleft are modules whose licence would bind everybody who embeds the SDK.
// They are also recognised by the text of their licence.
var copyleft = []string{"go.mau.fi/libsignal"}

var platforms = []struct{ os, arch string }{
	{"linux", "amd64"}, {"android", "arm64"}, {"darwin", "arm64"}, {"ios", "arm64"},
}

// listed is what go list tells about a package.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Module       *struct{ Path, Dir string }
}

// goList lists packages for a platform as they are with cgo and with the tests
// that need servers.
func goList(t *testing.T, goos, goarch string, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json", "-tags", "servers"}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=1", "GOFLAGS=-mod=readonly")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	require.NoError(t, err, "go list for %s: %s", goos, &stderr)
	var packages []listed
	decoder := json.NewDecoder(bytes.NewReader(output))
	for {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

func TestDependencyRule(t *testing.T) {
	for _, platform := range platforms {
		t.Run(platform.os, func(t *testing.T) {
			t.Parallel()
			packages := goList(t, platform.os, platform.arch, "./...")
			own := 0
			for _, p := range packages {
				if folder(p.ImportPath) != "" {
					own++
				}
			}
			require.Greater(t, own, 5, "go list found hardly anything")
			require.Empty(t, violations(packages))
		})
	}
}

func TestDefaultGraphHasNoCopyleft(t *testing.T) {
	for _, platform := range platforms {
		t.Run(platform.os, func(t *testing.T) {
			t.Parallel()
			var roots []string
			for _, p := range goList(t, platform.os, platform.arch, "./...") {
				switch folder(p.ImportPath) {
				case "core", "ui-bindings", "mobile":
					roots = append(roots, p.ImportPath)
				}
			}
			require.NotEmpty(t, roots)
			require.Empty(t, copyleftIn(t, goList(t, platform.os, platform.arch, append([]string{"-deps"}, roots...)...)))
		})
	}
}

// folder returns the top-level folder of an own package, "" for others.
func folder(importPath string) string {
	rest, own := strings.CutPrefix(importPath, module+"/")
	if !own {
		return ""
	}
	top, _, _ := strings.Cut(rest, "/")
	return top
}

// violations checks the rule over direct imports, which suffices because it
// checks all packages.
func violations(packages []listed) []string {
	var found []string
	report := func(p listed, imported, why string) {
		found = append(found, fmt.Sprintf("%s imports %s: %s", p.ImportPath, imported, why))
	}
	for _, p := range packages {
		from := folder(p.ImportPath)
		if from == "" {
			continue
		}
		allowed, known := mayImport[from]
		if !known {
			found = append(found, p.ImportPath+": the rule does not know the folder "+from)
			continue
		}
		for _, imported := range p.Imports {
			to := folder(imported)
			if to == "internal" && from != "internal" && from != "examples" {
				report(p, imported, "the test harness is for tests")
			} else if to != "" && to != from && !slices.Contains(allowed, to) {
				report(p, imported, from+" may not import "+to)
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			to := folder(imported)
			if to != "" && to != from && to != "internal" && !slices.Contains(allowed, to) {
				report(p, imported, "tests of "+from+" may not import "+to)
			}
		}
	}
	return found
}

var copyleftText = regexp.MustCompile(`(?i)GNU\s+(AFFERO\s+|LESSER\s+|LIBRARY\s+)?GENERAL\s+PUBLIC\s+LICENSE`)

// mozilla marks the MPL, whose text names the GNU licences as secondary ones.
var mozilla = regexp.MustCompile(`(?i)Mozilla\s+Public\s+License`)

// copyleftIn returns the packages of modules under a licence of the GNU family.
func copyleftIn(t *testing.T, packages []listed) []string {
	t.Helper()
	verdicts := map[string]bool{}
	var found []string
	for _, p := range packages {
		if p.Module == nil || p.Module.Path == module {
			continue
		}
		bad, seen := verdicts[p.Module.Path]
		if !seen {
			require.NotEmpty(t, p.Module.Dir, "module %s is not on this machine", p.Module.Path)
			bad = slices.Contains(copyleft, p.Module.Path) || copyleftLicence(t, p.Module.Dir)
			verdicts[p.Module.Path] = bad
		}
		if bad {
			found = append(found, p.ImportPath+" belongs to "+p.Module.Path)
		}
	}
	return found
}

func copyleftLicence(t *testing.T, dir string) bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	licences := 0
	for _, entry := range entries {
		name := strings.ToUpper(entry.Name())
		if entry.IsDir() || !strings.Contains(name, "LICEN") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		licences++
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		if copyleftText.Match(text) && !mozilla.Match(text) {
			return true
		}
	}
	require.NotZero(t, licences, "no licence in %s", dir)
	return false
}

// The rule must notice what it forbids.
func TestDependencyRuleNotices(t *testing.T) {
	own := func(path string) string { return module + "/" + path }
	one := func(from string, imports ...string) []listed {
		p := listed{ImportPath: own(from)}
		for _, to := range imports {
			p.Imports = append(p.Imports, own(to))
		}
		return []listed{p}
	}
	allowed := [][]listed{
		one("core", "network/xmpp", "storage", "crypto/omemo", "core/internal/pipeline"),
		one("ui-bindings", "core"),
		one("mobile", "ui-bindings", "core"),
		one("examples/demo", "mobile", "internal/testserver", "crypto/libsignal"),
		one("internal/peers", "internal/testserver"),
		one("network/xmpp", "network/xmpp/stream"),
		{{ImportPath: own("storage"), Imports: []string{"database/sql", "golang.org/x/text"}, TestImports: []string{own("internal/testserver")}}},
		{{ImportPath: "golang.org/x/text", Imports: []string{own("core")}}},
	}
	for _, packages := range allowed {
		require.Empty(t, violations(packages))
	}
	forbidden := [][]listed{
		one("network/xmpp", "storage"),
		one("network/xmpp", "crypto/omemo"),
		one("storage", "crypto/omemo"),
		one("crypto/omemo", "storage"),
		one("crypto/omemo", "core"),
		one("core", "ui-bindings"),
		one("core", "mobile"),
		one("core", "internal/testserver"),
		one("mobile", "internal/cutproxy"),
		one("ui-bindings", "network/xmpp"),
		one("mobile", "examples/demo"),
		one("util", "core"),
		{{ImportPath: own("storage"), TestImports: []string{own("crypto/omemo")}}},
		{{ImportPath: own("network/xmpp"), XTestImports: []string{own("core")}}},
	}
	for _, packages := range forbidden {
		require.Len(t, violations(packages), 1, "%+v", packages)
	}
}

// The licence check must notice the one module that it is there for, and any
// other by its text.
func TestCopyleftCheckNotices(t *testing.T) {
	libsignal := goList(t, "linux", "amd64", "-deps", "./crypto/libsignal")
	require.NotEmpty(t, copyleftIn(t, libsignal))

	for name, test := range map[string]struct {
		text string
		want bool
	}{
		"gpl":  {"                    GNU GENERAL PUBLIC LICENSE\n                       Version 3", true},
		"agpl": {"GNU AFFERO GENERAL PUBLIC LICENSE", true},
		"lgpl": {"GNU LESSER GENERAL\nPUBLIC LICENSE", true},
		"mit":  {"Permission is hereby granted, free of charge", false},
		"mpl":  {"Mozilla Public License, version 2.0\nSecondary License means the GNU General Public License", false},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "COPYING"), []byte(test.text), 0o600))
		unknown := listed{ImportPath: "example.test/" + name, Module: &struct{ Path, Dir string }{"example.test/" + name, dir}}
		require.Equal(t, test.want, len(copyleftIn(t, []listed{unknown})) == 1, name)
	}
}
