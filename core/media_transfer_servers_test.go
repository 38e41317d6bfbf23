// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"bytes"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/crypto/media"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// hosted is an HTTPS server for files that does what a test says.
type hosted struct {
	*httptest.Server
	asked atomic.Int64
	serve atomic.Pointer[http.HandlerFunc]
}

func newHosted(t *testing.T) *hosted {
	h := &hosted{}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		(*h.serve.Load())(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hosted) does(fn http.HandlerFunc) { h.serve.Store(&fn) }

// trusts has u take the server's certificate for valid, and changes more of the
// configuration.
func (u *user) trusts(h *hosted, change func(*core.Config)) {
	u.t.Helper()
	pool := x509.NewCertPool()
	if u.config.RootCAs != nil {
		pool = u.config.RootCAs.Clone()
	}
	pool.AddCert(h.Certificate())
	u.config.RootCAs = pool
	change(&u.config)
	u.restart()
	u.online()
}

// sealed encrypts content and returns it with the body that shares it as lying
// at path.
func (h *hosted) sealed(t *testing.T, content io.Reader, path string) (ciphertext []byte, body string) {
	enc, err := media.NewEncrypter(content)
	require.NoError(t, err)
	ciphertext, err = io.ReadAll(enc)
	require.NoError(t, err)
	return ciphertext, media.Link{URL: h.URL + path, Key: enc.Key()}.AESGCM()
}

func handing(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// What is to be uploaded survives everything: no connection, a restart in the
// middle, a person's change of mind. Messages arrive once.
func TestUploadSurvives(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		befriend(alice, bob)
		ctx := withPatience(t)
		chat := alice.with(bob)

		require.NoError(t, alice.account.SignOut(ctx))
		want, err := io.ReadAll(noise(2, 6<<20))
		require.NoError(t, err)
		id, err := chat.SendFile(ctx, core.FileDraft{Reader: bytes.NewBuffer(want), Name: "film.bin", Caption: "after it"})
		require.NoError(t, err)
		sent, _ := alice.file(bob)
		require.Equal(t, core.FileUploading, sent.State)
		require.Equal(t, core.MessageQueued, alice.state(id))

		// Cancelled while there is no connection: neither goes out.
		require.NoError(t, alice.client.CancelTransfer(ctx, sent.ID))
		m, err := alice.client.Message(ctx, id)
		require.NoError(t, err)
		require.Equal(t, core.MessageFailed, m.State)
		require.Equal(t, "media.canceled", m.Reason)
		history := alice.history(bob)
		require.Equal(t, core.MessageFailed, history[len(history)-1].State)
		again, err := chat.Retry(ctx, id)
		require.NoError(t, err)
		require.Equal(t, id, again)

		// It is begun, and again by the next process.
		require.NoError(t, alice.account.SignIn(ctx))
		alice.until("upload under way", func() bool {
			a, _ := alice.file(bob)
			return alice.account.State().State == core.Online || a.State != core.FileUploading
		})
		alice.restart()
		alice.until("delivery", func() bool { return alice.state(id) == core.MessageDelivered })
		bob.until("the file", func() bool { _, ok := bob.file(alice); return ok })
		got, _ := bob.file(alice)
		require.NoError(t, bob.client.Download(ctx, got.ID))
		bob.restart() // in the middle perhaps
		got = bob.fileIn(alice, core.FileHere)
		require.True(t, bytes.Equal(want, bob.content(got.ID)))
		require.Equal(t, []string{""}, bob.received(alice), "the caption was cancelled too")
		require.Len(t, bob.mediaFiles(), 1)
		proves(t, s, "0363")
	})
}

// What the server does not take is refused at once, or fails later with a
// reason; what follows goes on.
func TestUploadLimit(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		ctx := withPatience(t)
		chat := alice.with(bob)
		_, err := chat.SendFile(ctx, core.FileDraft{Reader: noise(3, 10<<20), Name: "large.bin"}) // and 16 bytes of tag
		var large *core.FileTooLargeError
		require.ErrorAs(t, err, &large)
		require.Equal(t, int64(10<<20-16), large.Limit)
		require.Equal(t, "media.too-large", core.ErrorCode(err))
		require.Empty(t, alice.mediaFiles())
		require.Empty(t, alice.history(bob))

		require.NoError(t, alice.account.SignOut(ctx))
		id, err := chat.SendFile(ctx, core.FileDraft{Reader: noise(3, 10<<20), Name: "large.bin"})
		require.NoError(t, err)
		alice.send(bob, "goes on")
		require.NoError(t, alice.account.SignIn(ctx))
		alice.until("refusal", func() bool { return alice.state(id) == core.MessageFailed })
		m, err := alice.client.Message(ctx, id)
		require.NoError(t, err)
		require.Equal(t, "media.too-large", m.Reason)
		a, _ := alice.file(bob)
		require.Equal(t, core.FileUnsent, a.State)
		bob.until("the text", func() bool { return len(bob.received(alice)) == 1 })
	})
}

// Files that others host are fetched with care.
func TestDownloads(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
		h := newHosted(t)
		bob.trusts(h, func(c *core.Config) { c.Downloads.MaxSize = 4 << 20 })
		ctx := withPatience(t)
		n := 0
		share := func(body string) core.Attachment {
			t.Helper()
			alice.send(bob, body)
			n++
			bob.until("file", func() bool { return len(bob.received(alice)) == n })
			a, ok := bob.file(alice)
			require.True(t, ok)
			require.Equal(t, core.FileRemote, a.State)
			require.NoError(t, bob.client.Download(ctx, a.ID))
			return a
		}
		plain, err := io.ReadAll(noise(4, 1<<20))
		require.NoError(t, err)
		cipher, body := h.sealed(t, bytes.NewReader(plain), "/a.bin")

		t.Run("goes on where it ended", func(t *testing.T) {
			var ranges atomic.Int64
			h.does(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.Header.Get("Range"), "bytes=") {
					ranges.Add(1)
					handing(cipher)(w, r)
					return
				}
				w.Header().Set("Content-Length", strconv.Itoa(len(cipher)))
				_, _ = w.Write(cipher[:len(cipher)/2])
				panic(http.ErrAbortHandler)
			})
			share(body)
			a := bob.fileIn(alice, core.FileHere)
			require.True(t, bytes.Equal(plain, bob.content(a.ID)))
			require.Equal(t, int64(1), ranges.Load())
		})
		broken := func(name, reason string, body string, fn http.HandlerFunc) {
			t.Run(name, func(t *testing.T) {
				h.does(fn)
				before := len(bob.mediaFiles())
				share(body)
				a := bob.fileIn(alice, core.FileBroken)
				require.Equal(t, reason, a.Reason)
				require.Len(t, bob.mediaFiles(), before)
				_, err := bob.client.OpenFile(ctx, a.ID)
				require.ErrorIs(t, err, core.ErrNotHere)
			})
		}
		changed := bytes.Clone(cipher)
		changed[len(changed)/2] ^= 1
		broken("changed", "media.authentication", body, handing(changed))
		broken("cut", "media.authentication", body, handing(cipher[:len(cipher)-1000]))
		broken("another key", "media.authentication", body[:len(body)-4]+"0123", handing(cipher))
		broken("gone", "transfer.gone", body, http.NotFound)
		broken("too large", "media.too-large", body, handing(make([]byte, 5<<20)))
		broken("too large without saying", "media.too-large", body, func(w http.ResponseWriter, _ *http.Request) {
			for w.(http.Flusher).Flush(); ; {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		})
		broken("elsewhere", "transfer.redirect", body, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/", http.StatusFound)
		})

		t.Run("broken ones can be had again", func(t *testing.T) {
			h.does(handing(cipher))
			a, _ := bob.file(alice)
			require.NoError(t, bob.client.Download(ctx, a.ID))
			a = bob.fileIn(alice, core.FileHere)
			require.True(t, bytes.Equal(plain, bob.content(a.ID)))
		})
		t.Run("cancelled", func(t *testing.T) {
			waiting := make(chan struct{}, 1)
			h.does(func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write(cipher[:1000])
				w.(http.Flusher).Flush()
				waiting <- struct{}{}
				<-r.Context().Done()
			})
			a := share(body)
			<-waiting
			require.NoError(t, bob.client.CancelTransfer(ctx, a.ID))
			a = bob.fileIn(alice, core.FileRemote)
			require.Equal(t, "media.canceled", a.Reason)
		})
		t.Run("a picture that cannot be decoded", func(t *testing.T) {
			bomb := append(photo(t, 16, 16)[:0:0], photo(t, 16, 16)...)
			at := bytes.Index(bomb, []byte{0xff, 0xc0})
			require.Positive(t, at)
			copy(bomb[at+5:], []byte{0xff, 0xff, 0xff, 0xff}) // 65535 by 65535
			cipher, body := h.sealed(t, bytes.NewReader(bomb), "/bomb.jpg")
			h.does(handing(cipher))
			share(body)
			a := bob.fileIn(alice, core.FileHere)
			require.Empty(t, a.Thumbnail)
			require.Equal(t, bomb, bob.content(a.ID))
		})
		// Nothing that anybody served harmed what comes by itself.
		alice.send(bob, "still here")
		n++
		bob.until("text", func() bool { return len(bob.received(alice)) == n })
	})
}

// Pictures of contacts come by themselves where that is wished, and not from
// the networks around us; those of strangers never do.
func TestAutomaticDownloads(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		alice, bob, eve := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil), newUser(t, s, "eve", nil)
		befriend(alice, bob)
		h := newHosted(t)
		cipher, body := h.sealed(t, bytes.NewReader(photo(t, 200, 100)), "/p.jpg")
		h.does(handing(cipher))

		bob.trusts(h, func(c *core.Config) { c.Downloads = core.DownloadPolicy{Pictures: 1 << 20} })
		alice.send(bob, body)
		bob.until("refusal", func() bool {
			a, ok := bob.file(alice)
			return ok && a.State == core.FileRemote && a.Reason != ""
		})
		require.Zero(t, h.asked.Load(), "a device of this network was asked")

		bob.trusts(h, func(c *core.Config) { c.Downloads.AllowPrivate = true })
		alice.send(bob, body)
		a := bob.fileIn(alice, core.FileHere)
		require.Equal(t, []int{200, 100}, []int{a.Width, a.Height})
		require.NotEmpty(t, a.Thumbnail)

		asked := h.asked.Load()
		eve.send(bob, body)
		a = bob.fileIn(eve, core.FileRemote)
		require.Empty(t, a.Reason)
		require.Equal(t, asked, h.asked.Load())
		require.Empty(t, a.Thumbnail)
	})
}

// Files pass through in pieces: sending and receiving one of 30 MB takes a
// fraction of that.
func TestLargeFilesTakeLittleMemory(t *testing.T) {
	s := prosody.Server(t)
	alice, bob := newUser(t, s, "alice", nil), newUser(t, s, "bob", nil)
	h := newHosted(t)
	bob.trusts(h, func(*core.Config) {})
	ctx := withPatience(t)
	const size = 30 << 20
	enc, err := media.NewEncrypter(noise(5, size))
	require.NoError(t, err)
	body := media.Link{URL: h.URL + "/large.bin", Key: enc.Key()}.AESGCM()
	h.does(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.FormatInt(media.Size(size), 10))
		_, _ = io.Copy(w, enc)
	})
	old := debug.SetGCPercent(10)
	defer debug.SetGCPercent(old)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse)
	}
	runtime.GC()
	before, most := heap(), int64(0)
	done, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				most = max(most, heap())
			}
		}
	}()
	// The service takes 10 MiB, so a part of it goes up and all of it is kept.
	_, err = alice.with(bob).SendFile(ctx, core.FileDraft{Reader: noise(6, 9<<20), Name: "up.bin"})
	require.NoError(t, err)
	alice.fileIn(bob, core.FileHere)
	require.NoError(t, alice.account.SignOut(ctx))
	_, err = alice.with(bob).SendFile(ctx, core.FileDraft{Reader: noise(6, size), Name: "kept.bin"})
	require.NoError(t, err)
	require.NoError(t, alice.account.SignIn(ctx))
	alice.send(bob, body)
	bob.until("file", func() bool { return len(bob.received(alice)) == 2 })
	a, _ := bob.file(alice)
	require.NoError(t, bob.client.Download(ctx, a.ID))
	a = bob.fileIn(alice, core.FileHere)
	require.Equal(t, int64(size), a.Size)
	close(done)
	<-sampled
	require.Less(t, most-before, int64(16<<20), "bytes of heap")
}
