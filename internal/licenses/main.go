// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

func main() {
	out := flag.String("o", "", "`file` for the table with all texts")
	flag.Parse()
	if err := run(".", flag.Args(), *out, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

// run lists what the packages link, the default ones if none are named.
func run(dir string, packages []string, out string, w io.Writer) error {
	modules, err := linked(dir, packages)
	if err != nil {
		return err
	}
	var failures []error
	for _, m := range modules {
		if err := m.inspect(); err != nil {
			failures = append(failures, err)
		}
	}
	if err := table(w, modules); err != nil {
		return err
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	if out == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, notice(modules), 0o644)
}

func table(w io.Writer, modules []*module) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range modules {
		licences := strings.Join(m.licences, ", ")
		if licences == "" {
			licences = "unknown"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", m.path, m.version, licences)
	}
	return t.Flush()
}

// notice is the table with the texts of all licences.
func notice(modules []*module) []byte {
	var b bytes.Buffer
	_ = table(&b, modules) // a buffer takes everything
	for _, m := range modules {
		for _, f := range m.files {
			fmt.Fprintf(&b, "\n%s\n%s %s: %s\n%s\n\n", strings.Repeat("=", 80), m.path, m.version, f.name, strings.Repeat("=", 80))
			b.Write(bytes.TrimSpace(f.text))
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}
