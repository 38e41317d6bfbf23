// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// noise is content of that size which nothing can compress, the same for the
// same seed.
func noise(seed uint64, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}), size)
}

// photo is a JPEG with a place in its EXIF part.
func photo(t *testing.T, width, height int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{R: uint8(x), G: uint8(y), B: uint8(x ^ y), A: 255})
		}
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, nil))
	exif := append([]byte{0xff, 0xe1, 0, 40}, append([]byte("Exif\x00\x00"), []byte("GPS 52.5200 N 13.4050 E  secret  ")[:32]...)...)
	return append(append([]byte{0xff, 0xd8}, exif...), b.Bytes()[2:]...)
}

// file is the only file that u shares with, or has from, peer.
func (u *user) file(peer *user) (a core.Attachment, ok bool) {
	u.t.Helper()
	list, err := u.with(peer).Attachments(withPatience(u.t), 0, 1)
	require.NoError(u.t, err)
	if len(list) == 0 {
		return a, false
	}
	return list[0], true
}

// fileIn waits until the newest file is in a state.
func (u *user) fileIn(peer *user, state core.AttachmentState) (a core.Attachment) {
	u.t.Helper()
	u.until("file "+state.String(), func() bool {
		var ok bool
		a, ok = u.file(peer)
		return ok && a.State == state
	})
	return a
}

// content reads a file that is here.
func (u *user) content(id core.AttachmentID) []byte {
	u.t.Helper()
	f, err := u.client.OpenFile(withPatience(u.t), id)
	require.NoError(u.t, err)
	defer func() { require.NoError(u.t, f.Close()) }()
	b, err := io.ReadAll(f)
	require.NoError(u.t, err)
	return b
}

// mediaFiles are the files in a user's folder, with all their bytes.
func (u *user) mediaFiles() map[string][]byte {
	u.t.Helper()
	entries, err := os.ReadDir(u.config.Path + ".media")
	if !os.IsNotExist(err) {
		require.NoError(u.t, err)
	}
	files := make(map[string][]byte)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(u.config.Path+".media", e.Name()))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(u.t, err)
		files[e.Name()] = b
	}
	return files
}

// A picture and a document travel encrypted and in the clear, and are the same
// on the other side.
func TestFiles(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		for _, encryption := range []core.Encryption{core.OMEMO, core.Plain} {
			t.Run(encryption.String(), func(t *testing.T) {
				alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
				befriend(alice, bob)
				ctx := withPatience(t)
				chat := alice.with(bob)
				require.NoError(t, chat.SetEncryption(ctx, encryption))

				source := filepath.Join(t.TempDir(), "Holiday.jpg")
				require.NoError(t, os.WriteFile(source, photo(t, 640, 480), 0o600))
				id, err := chat.SendFile(ctx, core.FileDraft{Path: source, Caption: "look"})
				require.NoError(t, err)
				require.NoError(t, os.Remove(source))
				alice.until("delivery", func() bool { return alice.state(id) == core.MessageDelivered })
				sent, _ := alice.file(bob)
				require.Equal(t, core.FileHere, sent.State)
				require.NotEmpty(t, sent.Thumbnail)

				bob.until("picture and caption", func() bool { return len(bob.received(alice)) == 2 })
				require.Equal(t, []string{"", "look"}, bob.received(alice))
				m := bob.history(alice)[0]
				require.Equal(t, 1, m.Files)
				got, ok := bob.file(alice)
				require.True(t, ok)
				require.Equal(t, m.ID, got.Message)
				require.Equal(t, core.FileRemote, got.State, "fetched by itself")
				require.Equal(t, encryption != core.Plain, got.Encrypted)
				_, err = bob.client.OpenFile(ctx, got.ID)
				require.ErrorIs(t, err, core.ErrNotHere)
				require.NoError(t, bob.client.Download(ctx, got.ID))
				got = bob.fileIn(alice, core.FileHere)
				require.Empty(t, got.Reason)
				require.Equal(t, "image/jpeg", got.MediaType)
				require.Equal(t, []int{640, 480}, []int{got.Width, got.Height})
				require.NotEmpty(t, got.Thumbnail)
				first, picture := got, bob.content(got.ID)
				require.Equal(t, alice.content(sent.ID), picture)
				require.NotContains(t, string(picture), "GPS", "the picture says where it was taken")
				_, err = jpeg.Decode(bytes.NewReader(picture))
				require.NoError(t, err)

				// A document, from a reader, as it is.
				want, err := io.ReadAll(noise(1, 1<<20))
				require.NoError(t, err)
				_, err = chat.SendFile(ctx, core.FileDraft{Reader: bytes.NewBuffer(want), Name: "../plan.pdf"})
				require.NoError(t, err)
				bob.until("document", func() bool { return len(bob.received(alice)) == 3 })
				got, _ = bob.file(alice)
				require.NoError(t, bob.client.Download(ctx, got.ID))
				got = bob.fileIn(alice, core.FileHere)
				require.Equal(t, "media.mismatch", got.Reason)
				require.Equal(t, int64(1<<20), got.Size)
				require.True(t, bytes.Equal(want, bob.content(got.ID)))
				saved := filepath.Join(t.TempDir(), "saved")
				require.NoError(t, bob.client.SaveFile(ctx, got.ID, saved))
				b, err := os.ReadFile(saved)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, b))

				// Nothing lies in the clear on either side.
				for _, u := range []*user{alice, bob} {
					files := u.mediaFiles()
					require.Len(t, files, 2)
					for _, b := range files {
						require.False(t, bytes.Contains(b, want[:64]) || bytes.Contains(b, picture[:64]))
					}
				}

				// What is lost from the folder can be had again.
				require.NoError(t, os.RemoveAll(bob.config.Path+".media"))
				_, err = bob.client.OpenFile(ctx, got.ID)
				require.Equal(t, "media.missing", core.ErrorCode(err))
				for _, a := range []core.AttachmentID{first.ID, got.ID} {
					require.NoError(t, bob.client.Download(ctx, a))
					bob.until("file again", func() bool {
						a, err := bob.client.Attachment(ctx, a)
						require.NoError(t, err)
						return a.State == core.FileHere
					})
				}
				require.True(t, bytes.Equal(want, bob.content(got.ID)))

				// What goes from the history goes from the disk.
				require.NoError(t, bob.with(alice).DeleteMessage(ctx, got.Message))
				bob.gone(1)
				require.NoError(t, chat.Retract(ctx, id))
				bob.gone(0)
				alice.gone(1)
				proves(t, s, "0066", "0363", "0447")
				if encryption != core.Plain {
					proves(t, s, "0448", "0454")
				}
			})
		}
	})
}

// gone waits until so many files are left.
func (u *user) gone(left int) {
	u.t.Helper()
	require.Eventually(u.t, func() bool { return len(u.mediaFiles()) == left }, patience, 20*1e6)
}

// In an open room a file is shared by its address, and shown once to whoever has
// sent it.
func TestFilesInRooms(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		ann, bob := newUser(t, s, "ann", nil), newUser(t, s, "bob", nil)
		address := "files-" + ann.account.JID()[:10] + "@conference." + s.Domain
		atAnn, err := ann.account.CreateRoom(ctx, core.RoomOptions{Name: "Open", Public: true, Address: address, Nick: "Ann"})
		require.NoError(t, err)
		atBob, err := bob.account.JoinRoom(ctx, address, "Bob", "")
		require.NoError(t, err)
		want, err := io.ReadAll(noise(8, 1<<16))
		require.NoError(t, err)
		id, err := atAnn.SendFile(ctx, core.FileDraft{Reader: bytes.NewReader(want), Name: "tea.bin", Caption: "tea"})
		require.NoError(t, err)
		ann.until("shown", func() bool { return ann.state(id) >= core.MessageSent })
		bob.readsIn(atBob, "", "tea")
		ann.readsIn(atAnn, "", "tea")
		list, err := atBob.Attachments(ctx, 0, 10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.False(t, list[0].Encrypted)
		require.Equal(t, "tea.bin", list[0].Name)
		require.NoError(t, bob.client.Download(ctx, list[0].ID))
		bob.until("file", func() bool {
			a, err := bob.client.Attachment(ctx, list[0].ID)
			require.NoError(t, err)
			return a.State == core.FileHere
		})
		require.True(t, bytes.Equal(want, bob.content(list[0].ID)))

		// A restart shows it once as well.
		ann.restart()
		ann.online()
		ann.readsIn(ann.room(address), "", "tea")
	})
}
