// SPDX-License-Identifier: MPL-2.0

package media_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/media"
)

func encrypted(t testing.TB, plain []byte) ([]byte, media.Key) {
	t.Helper()
	e, err := media.NewEncrypter(bytes.NewReader(plain))
	require.NoError(t, err)
	b, err := io.ReadAll(e)
	require.NoError(t, err)
	return b, e.Key()
}

func write(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func TestFiles(t *testing.T) {
	plain := bytes.Repeat([]byte("romeo"), 50_000)
	src := write(t, plain)
	dir := t.TempDir()
	sealed, opened := filepath.Join(dir, "sealed"), filepath.Join(dir, "opened")
	k, size, err := media.EncryptFile(t.Context(), sealed, src)
	require.NoError(t, err)
	require.Equal(t, media.Size(int64(len(plain))), size)
	require.NoError(t, media.DecryptFile(t.Context(), opened, sealed, k))
	got, err := os.ReadFile(opened)
	require.NoError(t, err)
	require.True(t, bytes.Equal(plain, got))
	info, err := os.Stat(opened)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	again, _, err := media.EncryptFile(t.Context(), sealed, src)
	require.NoError(t, err)
	require.NotEqual(t, k, again, "no key encrypts twice")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2)
}

// Whatever is changed, nothing decrypted comes out.
func TestNotAuthentic(t *testing.T) {
	plain := bytes.Repeat([]byte("canary"), 30_000)
	sealed, k := encrypted(t, plain)
	_, other := encrypted(t, plain)
	change := func(at int) []byte {
		b := bytes.Clone(sealed)
		b[at] ^= 1
		return b
	}
	for name, test := range map[string]struct {
		file []byte
		key  media.Key
		want error
	}{
		"first bit":    {change(0), k, media.ErrAuthentication},
		"middle":       {change(len(sealed) / 2), k, media.ErrAuthentication},
		"last of file": {change(len(sealed) - 17), k, media.ErrAuthentication},
		"tag":          {change(len(sealed) - 1), k, media.ErrAuthentication},
		"cut by one":   {sealed[:len(sealed)-1], k, media.ErrAuthentication},
		"cut by many":  {sealed[:len(sealed)-65536], k, media.ErrAuthentication},
		"cut in front": {sealed[16:], k, media.ErrAuthentication},
		"longer":       {append(bytes.Clone(sealed), 0), k, media.ErrAuthentication},
		"tag only":     {sealed[len(sealed)-16:], k, media.ErrAuthentication},
		"too short":    {sealed[:15], k, media.ErrAuthentication},
		"empty":        {nil, k, media.ErrAuthentication},
		"other key":    {sealed, other, media.ErrAuthentication},
		"no key":       {sealed, media.Key{}, media.ErrKey},
	} {
		src := write(t, test.file)
		dir := t.TempDir()
		require.ErrorIs(t, media.DecryptFile(t.Context(), filepath.Join(dir, "out"), src, test.key), test.want, name)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries, name)
		_, err = media.Open(t.Context(), bytes.NewReader(test.file), int64(len(test.file)), test.key)
		require.ErrorIs(t, err, test.want, name)
	}
}

// A file that is changed between the two passes leaves nothing.
func TestChangedMeanwhile(t *testing.T) {
	sealed, k := encrypted(t, bytes.Repeat([]byte("a"), 200_000))
	calls := 0
	_, err := media.Open(t.Context(), readerAt(func(p []byte, offset int64) (int, error) {
		calls++
		if calls == 3 {
			return 0, io.EOF // it was cut meanwhile
		}
		return bytes.NewReader(sealed).ReadAt(p, offset)
	}), int64(len(sealed)), k)
	require.ErrorIs(t, err, media.ErrAuthentication)

	bad := errors.New("bad disk")
	_, err = media.Open(t.Context(), readerAt(func([]byte, int64) (int, error) { return 0, bad }), 100, k)
	require.ErrorIs(t, err, bad)
	_, err = media.Open(t.Context(), readerAt(nil), media.MaxSize+17, k)
	require.ErrorIs(t, err, media.ErrTooLarge)
}

type readerAt func([]byte, int64) (int, error)

func (f readerAt) ReadAt(p []byte, offset int64) (int, error) { return f(p, offset) }

func TestReader(t *testing.T) {
	plain := make([]byte, 300_000)
	for i := range plain {
		plain[i] = byte(i * i >> 8)
	}
	sealed, k := encrypted(t, plain)
	r, err := media.Open(t.Context(), bytes.NewReader(sealed), int64(len(sealed)), k)
	require.NoError(t, err)
	require.Equal(t, int64(len(plain)), r.Size())
	for _, at := range []int{0, 1, 15, 16, 17, 65535, 65536, 299_999} {
		for _, n := range []int{1, 2, 15, 16, 40, 70_000} {
			n = min(n, len(plain)-at)
			got := make([]byte, n)
			_, err := r.ReadAt(got, int64(at))
			require.NoError(t, err)
			require.True(t, bytes.Equal(plain[at:at+n], got), "%d at %d", n, at)
		}
	}
	_, err = r.ReadAt(make([]byte, 1), int64(len(plain)))
	require.ErrorIs(t, err, io.EOF, "the tag is not part of the content")
	require.NoError(t, iotest.TestReader(r, plain))
}

func TestEncrypterIsAReader(t *testing.T) {
	plain := bytes.Repeat([]byte("juliet"), 30_000)
	e, err := media.NewEncrypter(iotest.OneByteReader(bytes.NewReader(plain)))
	require.NoError(t, err)
	sealed, err := io.ReadAll(iotest.OneByteReader(e))
	require.NoError(t, err)
	r, err := media.Open(t.Context(), bytes.NewReader(sealed), int64(len(sealed)), e.Key())
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(plain, got))

	bad := errors.New("bad disk")
	e, err = media.NewEncrypter(io.MultiReader(bytes.NewReader(plain), iotest.ErrReader(bad)))
	require.NoError(t, err)
	sealed, err = io.ReadAll(e)
	require.ErrorIs(t, err, bad)
	_, err = media.Open(t.Context(), bytes.NewReader(sealed), int64(len(sealed)), e.Key())
	require.ErrorIs(t, err, media.ErrAuthentication, "what there is must not pass for complete")
}

// A large file takes hardly any memory.
func TestMemory(t *testing.T) {
	const size, bound = 200 << 20, 32 << 20
	dir := t.TempDir()
	src, sealed, opened := filepath.Join(dir, "src"), filepath.Join(dir, "sealed"), filepath.Join(dir, "opened")
	f, err := os.Create(src)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(size))
	require.NoError(t, f.Close())

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	k, n, err := media.EncryptFile(t.Context(), sealed, src)
	require.NoError(t, err)
	require.Equal(t, media.Size(size), n)
	require.NoError(t, media.DecryptFile(t.Context(), opened, sealed, k))
	runtime.ReadMemStats(&after)
	// All that was ever allocated, which is more than was in use at once.
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(bound))
	info, err := os.Stat(opened)
	require.NoError(t, err)
	require.Equal(t, int64(size), info.Size())
}

func TestCancel(t *testing.T) {
	reason := errors.New("person tapped cancel")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	plain := bytes.Repeat([]byte("a"), 300_000)
	src, out := write(t, plain), filepath.Join(t.TempDir(), "out")
	_, _, err := media.EncryptFile(ctx, out, src)
	require.ErrorIs(t, err, reason)
	sealed, k := encrypted(t, plain)
	require.ErrorIs(t, media.DecryptFile(ctx, out, write(t, sealed), k), reason)
	require.NoFileExists(t, out)
	require.NoFileExists(t, out+".part")
}

func TestFileErrorsNameNoFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "canary")
	_, _, err := media.EncryptFile(t.Context(), missing+"2", missing)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotContains(t, err.Error(), "canary")
	_, _, err = media.EncryptFile(t.Context(), filepath.Join(missing, "x"), write(t, []byte("a")))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotContains(t, err.Error(), "canary")
	_, k := encrypted(t, nil)
	err = media.DecryptFile(t.Context(), missing+"2", missing, k)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotContains(t, err.Error(), "canary")
}

func TestNewKey(t *testing.T) {
	for _, sizes := range [][2]int{{32, 12}, {32, 16}, {16, 12}, {16, 16}} {
		k, err := media.NewKey(make([]byte, sizes[0]), make([]byte, sizes[1]))
		require.NoError(t, err)
		key, iv := k.Parts()
		require.Len(t, key, sizes[0])
		require.Len(t, iv, sizes[1])
	}
	for _, sizes := range [][2]int{{0, 0}, {31, 12}, {33, 12}, {24, 12}, {32, 0}, {32, 11}, {32, 13}, {32, 17}} {
		_, err := media.NewKey(make([]byte, sizes[0]), make([]byte, sizes[1]))
		require.ErrorIs(t, err, media.ErrKey, sizes)
	}
}

func TestNothingIsShown(t *testing.T) {
	const canary = "cacacacacacacacacacacacaca"
	raw := bytes.Repeat([]byte{0xca}, 32)
	k, err := media.NewKey(raw, raw[:12])
	require.NoError(t, err)
	l := media.Link{URL: "https://host.example/cacacacacacacacacacacacaca", Key: k}
	for _, v := range []any{k, &k, l, &l, media.Attachment{Link: l, Thumbnail: raw}, []media.Key{k}} {
		var log bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(h).Info("x", "v", v, "in", struct{ V any }{v})
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb, v)
		}
		if b, err := json.Marshal(v); err == nil {
			log.Write(b)
		}
		text := strings.ToLower(log.String())
		require.Contains(t, text, "redacted")
		require.NotContains(t, text, canary, "%T", v)
		require.NotContains(t, text, "202 202 202", "%T", v)
		require.NotContains(t, text, "0xca, 0xca", "%T", v)
	}
}
