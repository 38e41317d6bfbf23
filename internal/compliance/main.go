// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
)

func main() {
	proofs := flag.String("proofs", "build/proofs.jsonl", "`file` that the tests have written")
	report := flag.String("report", "compliance.md", "`file` for people")
	doap := flag.String("doap", "confab.doap", "`file` for lists of software")
	flag.Parse()
	if err := run(*proofs, *report, *doap); err != nil {
		fmt.Fprintln(os.Stderr, "compliance:", err)
		os.Exit(1)
	}
}

func run(proofs, report, doap string) error {
	content, err := os.ReadFile(proofs)
	if err != nil {
		return err
	}
	e, err := readEvidence(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("%s: %w", proofs, err)
	}
	if err := os.WriteFile(report, e.markdown(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(doap, e.doap(), 0o644)
}
