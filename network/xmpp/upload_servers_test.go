// SPDX-License-Identifier: MPL-2.0

//go:build servers

package xmpp_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/network/transfer"
	"github.com/confab-im/confab/network/xmpp"
)

// A file goes up through a slot and comes down again, whole and from the middle.
func TestUpload(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		u := online(t, s, s.NewAccount(t, "uploader"), "a")
		services, err := u.FetchUploadServices(t.Context())
		require.NoError(t, err)
		require.Len(t, services, 1)
		service := services[0]
		require.Equal(t, "upload."+s.Domain, service.JID.String())
		require.False(t, service.Legacy)
		require.Equal(t, int64(10<<20), service.MaxSize)

		client, err := transfer.New(transfer.Config{RootCAs: s.CAPool})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, client.Close()) })

		content := make([]byte, 3<<20)
		_, _ = rand.Read(content)
		request := xmpp.UploadRequest{Name: "tr\u00e8s cool.jpg", Size: int64(len(content)), MediaType: "image/jpeg"}
		slot, err := u.RequestSlot(t.Context(), service, request)
		require.NoError(t, err)
		require.NoError(t, client.Put(t.Context(), upload(slot, request, content)))

		path := filepath.Join(t.TempDir(), "f")
		download := transfer.Download{URL: slot.Get, Limit: 10 << 20, Size: request.Size}
		_, err = client.GetFile(t.Context(), path, download)
		require.NoError(t, err)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got))

		require.NoError(t, os.WriteFile(path+".part", content[:1<<20], 0o600))
		require.NoError(t, os.Remove(path))
		_, err = client.ResumeFile(t.Context(), path, download)
		require.NoError(t, err)
		got, err = os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got))

		// A slot is for the size and, mostly, the one upload that it was made for.
		slot, err = u.RequestSlot(t.Context(), service, request)
		require.NoError(t, err)
		other := upload(slot, request, content[:1000])
		other.Size = 1000
		require.Error(t, client.Put(t.Context(), other))
		_, err = client.GetFile(t.Context(), path, transfer.Download{URL: slot.Get, Limit: 10 << 20})
		require.ErrorIs(t, err, transfer.ErrGone)

		// The service refuses what is too large, also when nobody has looked.
		var large *xmpp.UploadTooLargeError
		request.Size = 11 << 20
		_, err = u.RequestSlot(t.Context(), xmpp.UploadService{JID: service.JID}, request)
		require.ErrorAs(t, err, &large)
		require.Equal(t, service.MaxSize, large.Limit)
		_, err = u.RequestSlot(t.Context(), service, request)
		require.ErrorAs(t, err, &large)
		proves(t, s, "0363")
	})
}

func upload(slot xmpp.Slot, r xmpp.UploadRequest, content []byte) transfer.Upload {
	u := transfer.Upload{URL: slot.Put, Body: bytes.NewReader(content), Size: r.Size, MediaType: r.MediaType}
	for _, h := range slot.Headers {
		u.Headers = append(u.Headers, transfer.Header(h))
	}
	return u
}
