// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A hunt looks for secrets, however they are written.
type hunt struct {
	names []string
	forms map[string]map[string][]byte // secret → form → bytes to look for
}

// add makes a secret one to look for. Short ones would be found by chance.
func (h *hunt) add(t *testing.T, name string, secret []byte) {
	t.Helper()
	require.GreaterOrEqual(t, len(secret), 12, name)
	if h.forms == nil {
		h.forms = make(map[string]map[string][]byte)
	}
	h.names = append(h.names, name)
	h.forms[name] = formsOf(secret)
}

func formsOf(secret []byte) map[string][]byte {
	forms := map[string][]byte{
		"raw": secret,
		"hex": []byte(hex.EncodeToString(secret)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(secret))),
		"quoted":    unquoted(strconv.Quote(string(secret))),
		"ASCII":     unquoted(strconv.QuoteToASCII(string(secret))),
		"URL":       []byte(url.QueryEscape(string(secret))),
		"numbers":   bytes.Trim(fmt.Append(nil, secret), "[]"),
		"Go syntax": bytes.TrimSuffix(bytes.TrimPrefix(fmt.Appendf(nil, "%#v", secret), []byte("[]byte{")), []byte("}")),
		"SQL":       bytes.ReplaceAll(secret, []byte("'"), []byte("''")),
	}
	if text, err := json.Marshal(string(secret)); err == nil {
		forms["JSON"] = unquoted(string(text))
		if twice, err := json.Marshal(string(text)); err == nil {
			forms["JSON in JSON"] = bytes.Trim(twice, `\"`)
		}
	}
	var escaped bytes.Buffer
	if err := xml.EscapeText(&escaped, secret); err == nil {
		forms["XML"] = escaped.Bytes()
	}
	// In base64 the same bytes look different at each of three places; the
	// characters at the ends depend on the neighbours.
	for _, encoding := range []struct {
		name string
		*base64.Encoding
	}{{"base64", base64.RawStdEncoding}, {"base64url", base64.RawURLEncoding}} {
		for shift := range 3 {
			b := encoding.EncodeToString(append(make([]byte, shift), secret...))
			forms[fmt.Sprintf("%s+%d", encoding.name, shift)] = []byte(b[[3]int{0, 2, 3}[shift] : len(b)-1])
		}
	}
	return forms
}

func unquoted(s string) []byte { return []byte(s[1 : len(s)-1]) }

// in returns what of the secrets is in b, as "name (form)".
func (h *hunt) in(b []byte) (found []string) {
	for _, name := range h.names {
		for form, text := range h.forms[name] {
			if bytes.Contains(b, text) {
				found = append(found, name+" ("+form+")")
			}
		}
	}
	return found
}

// inFolder looks through all files below dir, names included, and returns how
// many bytes there were. pass names files that may hold secrets.
func (h *hunt) inFolder(t *testing.T, dir string, pass ...string) (size int, found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, secret := range h.in([]byte(path)) {
			found = append(found, "name of "+path+": "+secret)
		}
		if d.IsDir() {
			return nil
		}
		for _, name := range pass {
			if d.Name() == name {
				return nil
			}
		}
		b, err := os.ReadFile(path)
		for _, secret := range h.in(b) {
			found = append(found, path+": "+secret)
		}
		size += len(b)
		return err
	})
	require.NoError(t, err)
	return size, found
}

// The hunt finds every form of every secret, in the middle of anything.
func TestHunt(t *testing.T) {
	var h hunt
	key := make([]byte, 32)
	_, err := rand.Read(key)
	require.NoError(t, err)
	secrets := map[string][]byte{
		"key": key, "text": []byte("a <secret> & \"more\" 'of' \\ é it"), "number": []byte("+49 151 5550199 42"),
	}
	for name, secret := range secrets {
		h.add(t, name, secret)
	}
	require.Empty(t, h.in(key[:11]))
	require.Empty(t, h.in([]byte("nothing of interest")))
	for name, secret := range secrets {
		planted := map[string]string{
			"raw": string(secret), "hex": hex.EncodeToString(secret), "HEX": strings.ToUpper(hex.EncodeToString(secret)),
			"quoted": strconv.Quote(string(secret)), "numbers": fmt.Sprint(secret), "Go syntax": fmt.Sprintf("%#v", secret),
			"URL": url.QueryEscape(string(secret)),
		}
		for i := range 3 {
			b := append(bytes.Repeat([]byte{'x'}, i), append(secret, "yz"...)...)
			planted[fmt.Sprintf("base64+%d", i)] = base64.StdEncoding.EncodeToString(b)
			planted[fmt.Sprintf("base64url+%d", i)] = base64.URLEncoding.EncodeToString(b)
		}
		text, err := json.Marshal(map[string]string{"a": string(secret)})
		require.NoError(t, err)
		planted["JSON"] = string(text)
		var escaped bytes.Buffer
		require.NoError(t, xml.EscapeText(&escaped, secret))
		planted["XML"] = escaped.String()
		for form, b := range planted {
			found := h.in([]byte("before" + b + "after"))
			require.Contains(t, found, name+" ("+form+")")
		}
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x-wal"), append([]byte{0, 1}, secret...), 0o600))
		size, found := h.inFolder(t, dir)
		require.Equal(t, len(secret)+2, size)
		require.NotEmpty(t, found)
	}
}
