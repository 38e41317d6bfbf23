// SPDX-License-Identifier: MPL-2.0

package house_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	root     = "../.."
	maxLines = 600
)

// licensed are the endings of files that begin with a licence line. Formats
// without comments and files made by tools are left out.
var licensed = []string{
	".go", ".sql", ".lua", ".py", ".sh", ".tmpl", ".yml", ".yaml", ".kt", ".java", ".swift", ".xml",
	"Makefile", ".ci/run",
}

// A script's first line and an XML declaration may come before it.
var licence = regexp.MustCompile(`\A(#!.*\n|<\?xml.*\n)?(//|#|--|<!--) SPDX-License-Identifier: MPL-2\.0( -->)?\n`)

// leftovers do not belong into finished files: notes to oneself and paths of
// one machine. They are written in pieces so that they do not find themselves.
var leftovers = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b|/ro` + `ot/|/wo` + `rk/`)

// files returns the content of the project's files by path.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "build", "dist", "testdata", "__pycache__"}, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil // a temporary file that has just gone
		}
		if err != nil {
			return err
		}
		found[filepath.ToSlash(name)] = content
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, found, "go.mod")
	require.Greater(t, len(found), 50)
	return found
}

// findings checks one file.
func findings(name string, content []byte) []string {
	var found []string
	isLicensed := slices.ContainsFunc(licensed, func(ending string) bool { return strings.HasSuffix(name, ending) })
	if isLicensed && !licence.Match(content) {
		found = append(found, name+": no licence line")
	}
	if isLicensed {
		for i, line := range strings.Split(string(content), "\n") {
			if match := leftovers.FindString(line); match != "" {
				found = append(found, fmt.Sprintf("%s:%d: %s", name, i+1, match))
			}
		}
	}
	if lines := bytes.Count(content, []byte("\n")); strings.HasSuffix(name, ".go") && lines > maxLines {
		found = append(found, fmt.Sprintf("%s: %d lines, more than %d", name, lines, maxLines))
	}
	return found
}

// undocumented returns the folders that hold Go code other than tests but no
// doc.go with a package comment.
func undocumented(all map[string][]byte) []string {
	comment := regexp.MustCompile(`(?m)^// (Package|Command) .+\n(//.*\n)*package `)
	var found []string
	for name := range all {
		dir := filepath.ToSlash(filepath.Dir(name))
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if !comment.Match(all[dir+"/doc.go"]) && !slices.Contains(found, dir) {
			found = append(found, dir)
		}
	}
	slices.Sort(found)
	return found
}

func TestFiles(t *testing.T) {
	var found []string
	for name, content := range files(t) {
		found = append(found, findings(name, content)...)
	}
	slices.Sort(found)
	require.Empty(t, found)
}

func TestEveryPackageIsDocumented(t *testing.T) {
	require.Empty(t, undocumented(files(t)))
}

func TestLicenceIsComplete(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "LICENSE-MPL"))
	require.NoError(t, err)
	require.Contains(t, string(text), "Mozilla Public License Version 2.0")
	require.Contains(t, string(text), `Exhibit B - "Incompatible With Secondary Licenses" Notice`)
}

// The checks must notice what they forbid.
func TestChecksNotice(t *testing.T) {
	const line = "// SPDX-License-Identifier: MPL-2.0\n"
	for name, content := range map[string]string{
		"a.go":         line + "\npackage a\n",
		"a.sh":         "#!/bin/sh\n# SPDX-License-Identifier: MPL-2.0\n",
		"a.xml":        "<?xml version='1.0'?>\n<!-- SPDX-License-Identifier: MPL-2.0 -->\n",
		"a.sql":        "-- SPDX-License-Identifier: MPL-2.0\n",
		"picture.jpeg": "anything",
	} {
		require.Empty(t, findings(name, []byte(content)), name)
	}
	for name, content := range map[string]string{
		"none.go":  "package a\n",
		"late.go":  "package a\n" + line,
		"other.go": "// SPDX-License-Identifier: GPL-3.0\n",
		"note.go":  line + "// TO" + "DO: later\n",
		"path.go":  line + "const dir = \"/ro" + "ot/x\"\n",
		"long.go":  line + strings.Repeat("//\n", maxLines),
		"Makefile": "all:\n",
	} {
		require.Len(t, findings(name, []byte(content)), 1, name)
	}
	documented := map[string][]byte{"a/a.go": nil, "a/doc.go": []byte(line + "\n// Package a is.\npackage a\n"), "b/b_test.go": nil}
	require.Empty(t, undocumented(documented))
	require.Equal(t, []string{"a"}, undocumented(map[string][]byte{"a/a.go": nil, "a/doc.go": []byte(line + "\npackage a\n")}))
	require.Equal(t, []string{"c"}, undocumented(map[string][]byte{"c/a.go": nil}))
}
