// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	const (
		pass   = `{"Action":"pass","Package":"a","Test":"TestGood"}` + "\n" + `{"Action":"pass","Package":"a","Elapsed":1.5}` + "\n"
		output = `{"Action":"output","Package":"b","Test":"TestBad","Output":"why it failed\n"}` + "\n"
		fail   = output + `{"Action":"fail","Package":"b","Test":"TestBad"}` + "\n" + `{"Action":"fail","Package":"b"}` + "\n"
		panics = `{"Action":"output","Package":"c","Output":"panic: help\n"}` + "\n" + `{"Action":"fail","Package":"c"}` + "\n"
		skip   = `{"Action":"skip","Package":"a","Test":"TestLazy"}` + "\n"
		empty  = `{"Action":"skip","Package":"d"}` + "\n"
		build  = `{"Action":"build-output","ImportPath":"e","Output":"e.go:1: syntax error\n"}` + "\n"
	)
	for name, test := range map[string]struct {
		events string
		exitOK bool
		ok     bool
		want   []string
	}{
		"good":        {pass + empty, true, true, []string{"ok    a  1.5s", "1 passed, 0 failed, 0 skipped in 1 packages", "PASSED"}},
		"failed":      {pass + fail, false, false, []string{"FAIL  b", "why it failed", "failed:  b TestBad", "FAILED"}},
		"panicked":    {pass + panics, false, false, []string{"panic: help", "failed:  c\n", "FAILED"}},
		"skipped":     {pass + skip, true, false, []string{"skipped: a TestLazy", "FAILED: skipped"}},
		"nothing ran": {empty, true, false, []string{"FAILED: no test ran"}},
		"not built":   {build + pass, false, false, []string{"e.go:1: syntax error", "FAILED"}},
		"not events":  {"go: cannot find module\n", false, false, []string{"go: cannot find module", "FAILED"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			require.NoError(t, r.read(strings.NewReader(test.events)))
			r.exitOK = test.exitOK
			require.Equal(t, test.ok, r.summarise(&out, time.Second))
			for _, want := range test.want {
				require.Contains(t, out.String(), want)
			}
		})
	}
}

func TestReadError(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("{}\n"), iotest{})
	require.Error(t, newReport(io.Discard).read(broken))
}

// iotest fails every read.
type iotest struct{}

func (iotest) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
