// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"
)

const preface = `<!-- SPDX-License-Identifier: MPL-2.0 -->
# Compliance

What of the %s
tests have shown to work with real servers. Written by ` + "`make compliance`" + `;
nothing is listed that no such test has proved.

An extension counts if a test has proved it as an app uses it, by package core
or examples/quickstart; for what an app never sees a test of the packages below
is enough.

## Levels

| Category | Level | %s |
|---|---|%s
`

// markdown is the report for people.
func (e evidence) markdown() []byte {
	var b bytes.Buffer
	var names []string
	for _, s := range servers {
		names = append(names, serverNames[s])
	}
	fmt.Fprintf(&b, preface, edition, strings.Join(names, " | "), strings.Repeat("---|", len(servers)))
	for _, c := range suites {
		for _, advanced := range []bool{false, true} {
			fmt.Fprintf(&b, "| %s | %s |", c.name, level(advanced))
			for _, s := range servers {
				fmt.Fprintf(&b, " %s |", verdict(e.lacks(c, advanced, s)))
			}
			b.WriteByte('\n')
		}
	}
	b.WriteString("| A/V Calling | | not offered | not offered |\n| Web | | not offered | not offered |\n")
	for _, c := range suites {
		fmt.Fprintf(&b, "\n## %s\n\n| Feature | Level | Standards | %s |\n|---|---|---|%s\n",
			c.name, strings.Join(names, " | "), strings.Repeat("---|", len(servers)))
		for _, f := range c.features {
			fmt.Fprintf(&b, "| %s | %s | %s |", f.name, level(!f.core), labels(f.standards))
			for _, s := range servers {
				fmt.Fprintf(&b, " %s |", verdict(e.lacking(f, s)))
			}
			b.WriteByte('\n')
		}
	}
	e.proofs(&b)
	return b.Bytes()
}

// proofs lists every standard with its tests.
func (e evidence) proofs(b *bytes.Buffer) {
	b.WriteString("\n## What was proved, and by which tests\n\nStandards in brackets work in the packages below core only.\n\n| Standard | |")
	for _, s := range servers {
		fmt.Fprintf(b, " %s |", serverNames[s])
	}
	fmt.Fprintf(b, "\n|---|---|%s\n", strings.Repeat("---|", len(servers)))
	for _, standard := range e.standards() {
		name, counted := label(standard), false
		for _, s := range servers {
			counted = counted || e.counts(standard, s)
		}
		if !counted {
			name = "(" + name + ")"
		}
		fmt.Fprintf(b, "| %s | %s |", name, titleOf(standard))
		for _, s := range servers {
			tests := strings.Join(e[standard][s], ", ")
			if tests == "" {
				tests = "–"
			}
			fmt.Fprintf(b, " %s |", tests)
		}
		b.WriteByte('\n')
	}
}

func level(advanced bool) string {
	if advanced {
		return "Advanced"
	}
	return "Core"
}

func verdict(lacking []string) string {
	if len(lacking) == 0 {
		return "yes"
	}
	return "lacks " + labels(lacking)
}

// label is a standard's name as people write it.
func label(standard string) string {
	number, room := strings.CutSuffix(standard, "/muc")
	if rfc, ok := strings.CutPrefix(number, "RFC"); ok {
		return "RFC " + rfc
	}
	if room {
		number += " in rooms"
	}
	return "XEP-" + number
}

func labels(standards []string) string {
	var list []string
	for _, s := range standards {
		list = append(list, label(s))
	}
	return strings.Join(list, ", ")
}
