// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/peers"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// An encrypted picture both ways with profanity (XEP-0454).
func TestInteropProfanityPicture(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		account := s.NewAccount(t, "prof")
		alice := newUser(t, s, "alice", nil)
		me, jid := alice.account.JID(), account.JID()
		user, _, _ := strings.Cut(me, "@")
		require.NoError(t, s.Befriend(user, account.User))
		profanity := peers.StartProfanity(t, peers.ProfanityConfig{Server: s, Account: account})
		require.NoError(t, profanity.StartOMEMO(ctx, me))
		require.NoError(t, profanity.Say(ctx, me, "hello"))
		alice.receiveFrom(jid, "hello")
		chat := alice.conversationWith(jid)
		newest := func() (a core.Attachment) {
			list, err := chat.Attachments(ctx, 0, 1)
			require.NoError(t, err)
			if len(list) > 0 {
				a = list[0]
			}
			return a
		}

		// To profanity, which saves it.
		_, err := chat.SendFile(ctx, core.FileDraft{Reader: bytes.NewReader(photo(t, 320, 200)), Name: "p.jpg"})
		require.NoError(t, err)
		entry, err := profanity.Await(ctx, func(e peers.LogEntry) bool { return e.From == me && strings.HasPrefix(e.Body, "aesgcm://") })
		require.NoError(t, err)
		require.Equal(t, "omemo", entry.Encrypted)
		require.Contains(t, entry.Body, ".jpg#")
		saved := filepath.Join(t.TempDir(), "saved.jpg")
		require.NoError(t, profanity.Command(ctx, "/url save "+entry.Body+" "+saved))
		want := alice.content(newest().ID)
		require.Eventually(t, func() bool {
			b, err := os.ReadFile(saved)
			return err == nil && bytes.Equal(b, want)
		}, patience, 50*time.Millisecond)

		// From profanity.
		source := filepath.Join(t.TempDir(), "q.jpg")
		original := photo(t, 100, 50)
		require.NoError(t, os.WriteFile(source, original, 0o600))
		before := newest().ID
		require.NoError(t, profanity.Command(ctx, "/sendfile "+source))
		alice.until("picture", func() bool { return newest().ID > before })
		got := newest()
		require.True(t, got.Encrypted)
		require.NoError(t, alice.client.Download(ctx, got.ID))
		alice.until("download", func() bool { return newest().State == core.FileHere })
		require.Equal(t, original, alice.content(got.ID))
		require.NotEmpty(t, newest().Thumbnail)
		proves(t, s, "0363", "0454")
	})
}
