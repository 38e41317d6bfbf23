// SPDX-License-Identifier: MPL-2.0

package mediadir_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/confab-im/confab/core/internal/code"
	"github.com/confab-im/confab/core/internal/mediadir"
	"github.com/confab-im/confab/crypto/media"
	"github.com/stretchr/testify/require"
)

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestKeepAndOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "media")
	f := mediadir.New(dir)
	name := f.Hold()
	content := bytes.Repeat([]byte("plain content "), 10000)
	kept, err := f.Keep(t.Context(), name, bytes.NewReader(content))
	require.NoError(t, err)
	require.Equal(t, int64(len(content)), kept.Size)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	raw, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	require.NotContains(t, string(raw), "plain")

	file, err := f.Open(t.Context(), name, kept.Secret)
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(file, content))
	require.NoError(t, file.Close())

	raw[100] ^= 1
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	_, err = f.Open(t.Context(), name, kept.Secret)
	require.ErrorIs(t, err, media.ErrAuthentication)
	saved := filepath.Join(t.TempDir(), "saved")
	require.ErrorIs(t, f.Save(t.Context(), saved, name, kept.Secret), media.ErrAuthentication)
	require.NoFileExists(t, saved)
	for _, secret := range [][]byte{nil, kept.Secret[1:], append(kept.Secret, 1)} {
		_, err = f.Open(t.Context(), name, secret)
		require.ErrorIs(t, err, mediadir.ErrSecret)
	}
	require.NoError(t, f.Remove(name))
	_, err = f.Open(t.Context(), name, kept.Secret)
	require.ErrorIs(t, err, mediadir.ErrMissing)
}

// Nothing is left behind of what could not be kept, and no error names a file.
func TestKeepFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "media")
	f := mediadir.New(dir)
	_, err := f.Keep(t.Context(), f.Hold(), iotest.ErrReader(errors.New("unreadable")))
	require.ErrorIs(t, err, mediadir.ErrSource)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = f.Keep(ctx, f.Hold(), readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }))
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, names(t, dir))

	file := filepath.Join(t.TempDir(), "canary-name")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = mediadir.New(file).Keep(t.Context(), "x", strings.NewReader("x"))
	require.ErrorIs(t, err, mediadir.ErrFolder)
	require.NotContains(t, err.Error(), "canary")
	require.Equal(t, "media.folder", code.Of(err))
}

type readerFunc func([]byte) (int, error)

func (fn readerFunc) Read(p []byte) (int, error) { return fn(p) }

// Sweep leaves what is held, what rows name, and what there is of either.
func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "media")
	f := mediadir.New(dir)
	none := func(func(string) error) error { return nil }
	n, err := f.Sweep(none)
	require.NoError(t, err)
	require.Zero(t, n)

	held, row, gone := f.Hold(), f.Hold(), f.Hold()
	for _, name := range []string{held, row, gone} {
		_, err := f.Keep(t.Context(), name, strings.NewReader("x"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".part"), nil, 0o600))
	}
	f.Release(row)
	f.Release(gone)
	n, err = f.Sweep(func(yield func(string) error) error { return yield(row) })
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.ElementsMatch(t, []string{held, held + ".part", row, row + ".part"}, names(t, dir))

	refused := errors.New("no database")
	_, err = f.Sweep(func(func(string) error) error { return refused })
	require.ErrorIs(t, err, refused)
	require.Len(t, names(t, dir), 4)
}

func TestPictures(t *testing.T) {
	f := mediadir.New(filepath.Join(t.TempDir(), "media"))
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 3000, 100)), nil))
	picture, err := mediadir.IsPicture(bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	require.True(t, picture)
	name := f.Hold()
	kept, err := f.KeepPicture(t.Context(), name, bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	d, err := f.Describe(t.Context(), name, kept.Secret)
	require.NoError(t, err)
	require.Equal(t, "image/jpeg", d.MediaType)
	require.Equal(t, 2560, d.Width)
	require.NotEmpty(t, d.Thumbnail)

	_, err = f.KeepPicture(t.Context(), f.Hold(), bytes.NewReader(b.Bytes()[:200]))
	require.Equal(t, "picture", strings.Split(code.Of(err), ".")[0])
	file, err := f.Open(t.Context(), name, kept.Secret)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, file)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name, sniffed string
		deceives      bool
	}{
		{"a.jpg", "image/jpeg", false}, {"a.jpg", "image/png", false}, {"a.JPG", "application/zip", true},
		{"a.jpg", "application/octet-stream", true}, {"a.mp3", "application/octet-stream", false},
		{"a.ogg", "video/ogg", false}, {"a.txt", "text/plain", false}, {"a.txt", "application/zip", true},
		{"a.apk", "application/zip", false}, {"a.docx", "application/zip", false}, {"a", "text/plain", false},
		{"a.svg", "text/plain", false}, {"a.pdf", "text/plain", true},
	} {
		require.Equal(t, c.deceives, mediadir.Deceives(c.name, c.sniffed), "%s %s", c.name, c.sniffed)
	}
	for in, want := range map[string]string{"a.webp": "a.jpg", "a": "a.jpg", "a.jpeg": "a.jpeg", "": "picture.jpg", "a.tar.gz": "a.tar.gz.jpg"} {
		require.Equal(t, want, mediadir.Called(in, "image/jpeg"))
	}
	require.Equal(t, ".jpg", mediadir.Ending("secret.JPG"))
	require.Empty(t, mediadir.Ending("secret.diary"))
}
