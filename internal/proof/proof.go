// SPDX-License-Identifier: MPL-2.0

package proof

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// Variable is the environment variable with the path of the file.
const Variable = "CONFAB_PROOFS"

// Proof is a line of the file.
type Proof struct {
	XEP    string `json:"xep"`    // see Valid
	Server string `json:"server"` // "prosody"
	Test   string `json:"test"`   // package and name, "core.TestTalk/prosody"
}

var valid = regexp.MustCompile(`^(RFC)?[0-9]{4}(/muc)?$`)

// Valid says whether a name is that of a standard: the four digits of a XEP,
// those of an RFC after "RFC", or either with "/muc" for what it says of rooms.
func Valid(xep string) bool { return valid.MatchString(xep) }

// Record says that the test proves the standards on a server, if it passes. It
// is called at its end.
func Record(t testing.TB, server string, xeps ...string) {
	t.Helper()
	caller, _, _, _ := runtime.Caller(1)
	test := packageOf(runtime.FuncForPC(caller).Name()) + "." + t.Name()
	for _, xep := range xeps {
		if !Valid(xep) {
			t.Fatalf("prove: %q is no standard", xep)
		}
	}
	t.Cleanup(func() {
		if file := os.Getenv(Variable); file != "" && !t.Failed() {
			if err := write(file, test, server, xeps); err != nil {
				t.Errorf("prove: %v", err)
			}
		}
	})
}

// packageOf returns the last part of the import path of a function, without
// "_test".
func packageOf(function string) string {
	name, _, _ := strings.Cut(path.Base(function), ".")
	return strings.TrimSuffix(name, "_test")
}

func write(file, test, server string, xeps []string) error {
	var lines []byte
	for _, xep := range xeps {
		line, err := json.Marshal(Proof{XEP: xep, Server: server, Test: test})
		if err != nil {
			return fmt.Errorf("encode proof: %w", err)
		}
		lines = append(append(lines, line...), '\n')
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(lines)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
