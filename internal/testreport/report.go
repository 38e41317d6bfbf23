// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// event is a line of go test -json (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Elapsed    float64 // seconds
	Output     string
}

// key names a test, or a package when test is empty.
type key struct{ pkg, test string }

// report collects the outcome of a run.
type report struct {
	out    io.Writer
	output map[key]*strings.Builder

	passed, packages int
	failed, skipped  []key
	failedPackages   []string
	exitOK           bool
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: make(map[key]*strings.Builder)}
}

// read takes in the events of a run and prints a line per package.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil {
				r.take(e)
			} else {
				fmt.Fprint(r.out, line)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test events: %w", err)
		}
	}
}

func (r *report) take(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		if r.output[k] == nil {
			r.output[k] = &strings.Builder{}
		}
		r.output[k].WriteString(e.Output)
	case "pass":
		if e.Test == "" {
			r.packages++
			fmt.Fprintf(r.out, "ok    %s  %.1fs\n", e.Package, e.Elapsed)
			return
		}
		r.passed++
		delete(r.output, k)
	case "fail":
		if e.Test == "" {
			r.packages++
			r.failedPackages = append(r.failedPackages, e.Package)
			fmt.Fprintf(r.out, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
			return
		}
		r.failed = append(r.failed, k)
	case "skip":
		if e.Test != "" { // a skipped package has no tests
			r.skipped = append(r.skipped, k)
		}
	}
}

// summarise prints what failed and the sums, and reports whether all is well.
func (r *report) summarise(out io.Writer, took time.Duration) bool {
	for _, k := range r.failed {
		fmt.Fprintf(out, "\n--- %s %s\n%s", k.pkg, k.test, r.text(k))
	}
	for _, pkg := range r.failedPackages {
		if !r.blamed(pkg) { // no test of it failed: it did not build, panicked or timed out
			fmt.Fprintf(out, "\n--- %s\n%s", pkg, r.text(key{pkg: pkg}))
		}
	}
	fmt.Fprintf(out, "\n%d passed, %d failed, %d skipped in %d packages, %s\n",
		r.passed, len(r.failed), len(r.skipped), r.packages, took.Round(time.Second))
	for _, k := range r.failed {
		fmt.Fprintf(out, "  failed:  %s %s\n", k.pkg, k.test)
	}
	for _, k := range r.skipped {
		fmt.Fprintf(out, "  skipped: %s %s\n", k.pkg, k.test)
	}
	for _, pkg := range r.failedPackages {
		if !r.blamed(pkg) {
			fmt.Fprintf(out, "  failed:  %s\n", pkg)
		}
	}
	switch {
	case len(r.failed) > 0 || len(r.failedPackages) > 0 || !r.exitOK:
		fmt.Fprintln(out, "FAILED")
	case len(r.skipped) > 0:
		fmt.Fprintln(out, "FAILED: skipped tests prove nothing")
	case r.passed == 0:
		fmt.Fprintln(out, "FAILED: no test ran")
	default:
		fmt.Fprintln(out, "PASSED")
		return true
	}
	return false
}

func (r *report) text(k key) string {
	if b := r.output[k]; b != nil {
		return b.String()
	}
	return ""
}

// blamed reports whether a failed test explains the failure of its package.
func (r *report) blamed(pkg string) bool {
	for _, k := range r.failed {
		if k.pkg == pkg {
			return true
		}
	}
	return false
}
