// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/confab-im/confab/internal/proof"
)

// servers are those that a level has to be reached on, and how they are called.
var servers = []string{"prosody", "ejabberd"}

var serverNames = map[string]string{"prosody": "Prosody", "ejabberd": "ejabberd"}

var errNoProof = errors.New("no test has proved anything")

// evidence holds the tests by standard and server, each once and in order.
type evidence map[string]map[string][]string

func readEvidence(r io.Reader) (evidence, error) {
	e := make(evidence)
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		var p proof.Proof
		if err := json.Unmarshal(in.Bytes(), &p); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if titleOf(p.XEP) == "" || serverNames[p.Server] == "" || p.Test == "" {
			return nil, fmt.Errorf("line %d: standard %q, server %q or test %q is not known", n, p.XEP, p.Server, p.Test)
		}
		if e[p.XEP] == nil {
			e[p.XEP] = make(map[string][]string)
		}
		test := strings.Replace(p.Test, "/"+p.Server, "", 1) // it has a column of its own
		if i, found := slices.BinarySearch(e[p.XEP][p.Server], test); !found {
			e[p.XEP][p.Server] = slices.Insert(e[p.XEP][p.Server], i, test)
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if len(e) == 0 {
		return nil, errNoProof
	}
	return e, nil
}

// standards returns all that anything was proved of.
func (e evidence) standards() []string { return slices.SortedFunc(maps.Keys(e), inOrder) }

// inOrder puts RFCs before XEPs.
func inOrder(a, b string) int {
	switch rfc := strings.HasPrefix(a, "RFC"); {
	case rfc == strings.HasPrefix(b, "RFC"):
		return strings.Compare(a, b)
	case rfc:
		return -1
	default:
		return 1
	}
}

// counts says whether a standard was proved on a server as an app uses it.
func (e evidence) counts(standard, server string) bool {
	for _, test := range e[standard][server] {
		if unseen[standard] || forApps(test) {
			return true
		}
	}
	return false
}

// forApps says whether a test is of what apps call.
func forApps(test string) bool {
	return strings.HasPrefix(test, "core.") || strings.HasPrefix(test, "quickstart.")
}

// lacking returns the standards of a feature that do not count on a server.
func (e evidence) lacking(f feature, server string) (list []string) {
	for _, s := range f.standards {
		if !e.counts(s, server) {
			list = append(list, s)
		}
	}
	return list
}

// lacks returns what a category lacks at a level on a server, with what it
// builds on: every category needs Core.
func (e evidence) lacks(c category, advanced bool, server string) (list []string) {
	features := c.features
	if c.name != suites[0].name {
		features = append(slices.Clone(suites[0].features), features...)
	}
	for _, f := range features {
		if f.core || advanced {
			list = append(list, e.lacking(f, server)...)
		}
	}
	slices.SortFunc(list, inOrder)
	return slices.Compact(list)
}
