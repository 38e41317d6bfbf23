// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/stretchr/testify/require"
)

var shared = pipeline.Content{Files: []pipeline.File{{
	URL: "https://files.example/canary-place/x.jpg", Secret: bytes.Repeat([]byte{0xca}, 44), Name: "canary-name.jpg",
	MediaType: "image/jpeg", Size: 1234, Width: 20, Height: 10, Hash: bytes.Repeat([]byte{0xfe}, 32),
}}}

// Of an encrypted file nothing stands outside of the encryption, in any profile,
// and what is inside says it again.
func TestFilesAreEncrypted(t *testing.T) {
	affix := pipeline.Affix{From: alice, To: bob, At: time.Now()}
	for _, p := range []engine.Profile{engine.Profile03, engine.Profile2} {
		outside, err := xmpplink.Builder{}.Message(pipeline.Stanza{
			To: bob, ID: "id", Content: shared, Envelopes: []omemo.Envelope{{Profile: p, SID: 1, Payload: []byte("sealed")}},
		})
		require.NoError(t, err)
		for _, word := range []string{"canary", "cacaca", "file-sharing", "jabber:x:oob", "aesgcm", "fallback"} {
			require.NotContains(t, string(outside), word)
		}
		inside, err := xmpplink.Builder{}.Plaintext(p, affix, shared)
		require.NoError(t, err)
		got, err := xmpplink.Builder{}.Content(p, affix, pipeline.Content{}, inside)
		require.NoError(t, err)
		require.Empty(t, got.Body)
		require.Len(t, got.Files, 1)
		require.Equal(t, shared.Files[0].URL, got.Files[0].URL)
		require.Equal(t, shared.Files[0].Secret, got.Files[0].Secret)
		require.Equal(t, "image/jpeg", got.Files[0].MediaType)
		if p == engine.Profile03 {
			require.True(t, strings.HasPrefix(string(inside), "aesgcm://"))
			require.Equal(t, "x.jpg", got.Files[0].Name)
			continue
		}
		require.Equal(t, shared.Files[0], got.Files[0])
	}
}

// Texts around an address are texts.
func TestFilesInTexts(t *testing.T) {
	key := strings.Repeat("ab", 44)
	for body, files := range map[string]int{
		"aesgcm://files.example/x.jpg#" + key:                                      1,
		"  aesgcm://files.example/x.jpg#" + key + "\n":                             1,
		"aesgcm://files.example/x.jpg#" + key + "\ndata:image/jpeg,/9j/2Q==":       1,
		"look: aesgcm://files.example/x.jpg#" + key:                                0,
		"aesgcm://files.example/x.jpg#" + key + "\nand aesgcm://files.example/y#0": 0,
		"aesgcm://files.example/x.jpg#" + key[2:]:                                  0,
		"aesgcm://files.example/x.jpg":                                             0,
		"https://files.example/x.jpg":                                              0,
	} {
		got, err := xmpplink.Builder{}.Content(engine.Profile03, pipeline.Affix{}, pipeline.Content{}, []byte(body))
		require.NoError(t, err)
		require.Len(t, got.Files, files, body)
		require.Equal(t, files == 0, got.Body != "", body)
	}
}
