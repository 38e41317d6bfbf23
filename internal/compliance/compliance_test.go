// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/confab-im/confab/internal/proof"
	"github.com/stretchr/testify/require"
)

func line(xep, server, test string) string {
	return fmt.Sprintf(`{"xep":%q,"server":%q,"test":%q}`+"\n", xep, server, test)
}

// all proves every standard of a level, Core's included, on a server.
func all(c category, advanced bool, server string) string {
	var b strings.Builder
	for _, category := range []category{suites[0], c} {
		for _, f := range category.features {
			if f.core || advanced {
				for _, s := range f.standards {
					b.WriteString(line(s, server, "core.TestAll/"+server))
				}
			}
		}
	}
	return b.String()
}

func TestLevels(t *testing.T) {
	for _, c := range suites {
		for _, advanced := range []bool{false, true} {
			e, err := readEvidence(strings.NewReader(all(c, advanced, "prosody")))
			require.NoError(t, err)
			require.Empty(t, e.lacks(c, advanced, "prosody"), c.name)
			require.NotEmpty(t, e.lacks(c, advanced, "ejabberd"), c.name)
			if !advanced {
				require.NotEmpty(t, e.lacks(c, true, "prosody"), c.name)
			}
			for standard := range e { // none may be missing
				less := make(evidence)
				for s, tests := range e {
					if s != standard {
						less[s] = tests
					}
				}
				require.Equal(t, []string{standard}, less.lacks(c, advanced, "prosody"))
			}
		}
	}
}

// Every standard of the suites has a title, and all have a valid name.
func TestTitles(t *testing.T) {
	for _, c := range suites {
		for _, f := range c.features {
			require.NotEmpty(t, f.standards, f.name)
			for _, s := range f.standards {
				require.NotEmpty(t, titleOf(s), s)
			}
		}
	}
	for s := range titles {
		require.True(t, proof.Valid(s), s)
	}
}

// What tests claim to prove is known, so that the report cannot fail for it
// after all of them have run.
func TestClaims(t *testing.T) {
	call := regexp.MustCompile(`\bproves\(t, s((?:, "[^"]*")+)\)|\bproof\.Record\(t, [^"]*((?:, "[^"]*")+)\)`)
	claims := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "servers_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, found := range call.FindAllStringSubmatch(string(text), -1) {
			for _, name := range strings.Split(strings.Trim(found[1]+found[2], `, "`), `", "`) {
				require.NotEmpty(t, titleOf(name), "%s: %q", path, name)
				claims++
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, claims, 50)
}

func TestCounts(t *testing.T) {
	e, err := readEvidence(strings.NewReader(line("0045", "prosody", "xmpp.TestRoom/prosody") +
		line("0030", "prosody", "xmpp.TestInfo/prosody") + line("0184", "ejabberd", "core.TestTalk/ejabberd") +
		line("0184", "ejabberd", "core.TestTalk/ejabberd") + line("0191", "prosody", "quickstart.TestBlock")))
	require.NoError(t, err)
	require.False(t, e.counts("0045", "prosody"), "an app cannot use it")
	require.True(t, e.counts("0030", "prosody"), "no app has to")
	require.True(t, e.counts("0184", "ejabberd"))
	require.False(t, e.counts("0184", "prosody"))
	require.True(t, e.counts("0191", "prosody"))
	require.Equal(t, []string{"core.TestTalk"}, e["0184"]["ejabberd"])
	require.Equal(t, []string{"0030", "0045", "0184", "0191"}, e.standards())
}

func TestBadEvidence(t *testing.T) {
	_, err := readEvidence(strings.NewReader(""))
	require.ErrorIs(t, err, errNoProof)
	for _, text := range []string{
		"nonsense\n", "{}\n", line("9999", "prosody", "core.TestX"), line("0030", "other", "core.TestX"), line("0030", "prosody", ""),
	} {
		_, err := readEvidence(strings.NewReader(line("0030", "prosody", "core.TestX") + text))
		require.ErrorContains(t, err, "line 2", text)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	text := all(suites[2], false, "prosody") + line("0184", "prosody", "core.TestTalk/prosody") +
		line("0184", "ejabberd", "core.TestTalk/ejabberd/plain") + line("0045", "prosody", "xmpp.TestRoom/prosody") +
		line("0313/muc", "prosody", "core.TestRoom/prosody")
	require.NoError(t, os.WriteFile(path("proofs"), []byte(text), 0o600))
	require.NoError(t, run(path("proofs"), path("report"), path("doap")))
	report, err := os.ReadFile(path("report"))
	require.NoError(t, err)
	for _, want := range []string{
		"| Core | Core | yes | lacks RFC 6120, RFC 7590, XEP-0030, XEP-0115 |",
		"| Mobile | Core | yes | lacks ",
		"| Group chat | Core | XEP-0045, XEP-0249 | lacks XEP-0045, XEP-0249 |",
		"| (XEP-0045) | Multi-User Chat | xmpp.TestRoom | – |",
		"| XEP-0184 | Message Delivery Receipts | core.TestTalk | core.TestTalk/plain |",
		"| XEP-0313 in rooms |",
		"| A/V Calling | | not offered |",
	} {
		require.Contains(t, string(report), want)
	}

	doap, err := os.Open(path("doap"))
	require.NoError(t, err)
	defer doap.Close()
	var status []string
	decode := xml.NewDecoder(doap)
	for {
		token, err := decode.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok {
			switch start.Name.Local {
			case "xep":
				status = append(status, start.Attr[0].Value[len("https://xmpp.org/extensions/"):])
			case "status":
				var text string
				require.NoError(t, decode.DecodeElement(&text, &start))
				status[len(status)-1] += " " + text
			}
		}
	}
	require.Equal(t, []string{
		"xep-0030.html partial", "xep-0115.html partial", "xep-0184.html partial", "xep-0198.html partial", "xep-0352.html partial",
	}, status, "neither what does not count nor a part of an extension")

	require.Error(t, run(path("missing"), path("report"), path("doap")))
	require.Error(t, run(path("proofs"), path("missing/report"), path("doap")))
}
