// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/mediadir"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/network/transfer"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// A store is an upload service and its HTTPS side.
type store struct {
	*httptest.Server
	folder *mediadir.Folder

	mu    sync.Mutex
	slots int
	puts  []func(http.ResponseWriter, *http.Request) // what becomes of each; the last one of the rest
	kept  map[string][]byte
	done  chan struct{} // closed at the end
}

// uploads gives the world an upload service.
func (w *world) uploads(puts ...func(http.ResponseWriter, *http.Request)) *store {
	w.t.Helper()
	s := &store{folder: mediadir.New(filepath.Join(w.t.TempDir(), "media")), puts: puts, kept: make(map[string][]byte), done: make(chan struct{})}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		put := s.keep
		if len(s.puts) > 0 {
			put, s.puts = s.puts[0], s.puts[1:]
		}
		s.mu.Unlock()
		if put == nil {
			<-s.done
			return
		}
		put(rw, r)
	}))
	w.t.Cleanup(func() { close(s.done); s.Close() })
	w.roots.AddCert(s.Certificate())
	w.media = xmpplink.Media{Folder: s.folder, MaxSize: 1 << 20, Timeouts: transfer.Config{Stall: 300 * time.Millisecond, Answer: 300 * time.Millisecond}}
	w.account.Transfers = make(chan struct{}, 1)
	w.behaves(func(b *behaviour) {
		b.iq = func(c *conn, iq *element.Element) bool {
			switch q := iq.Children[0]; {
			case q.Is("http://jabber.org/protocol/disco#info", "query"):
				c.result(iq, `<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:http:upload:0'/></query>`)
			case q.Is("http://jabber.org/protocol/disco#items", "query"):
				c.result(iq, `<query xmlns='http://jabber.org/protocol/disco#items'/>`)
			case q.Is("urn:xmpp:http:upload:0", "request"):
				s.mu.Lock()
				s.slots++
				url := s.URL + "/" + strings.Repeat("x", s.slots) + "/" + q.AttrValue("filename")
				s.mu.Unlock()
				c.result(iq, `<slot xmlns='urn:xmpp:http:upload:0'><put url='`+url+`'/><get url='`+url+`'/></slot>`)
			default:
				return false
			}
			return true
		}
	})
	return s
}

func (s *store) keep(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.kept[s.URL+r.URL.Path] = b
	s.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
}

func answering(status int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
	}
}

func vanishing(_ http.ResponseWriter, r *http.Request) {
	_, _ = r.Body.Read(make([]byte, 100))
	panic(http.ErrAbortHandler)
}

// hanging never reads nor answers.
var hanging func(http.ResponseWriter, *http.Request)

// share writes a message with a file to Bob, in the clear.
func (w *world) share(s *store, content []byte, encryption uint8) (message int64) {
	w.t.Helper()
	w.send("before", encryption)
	name := s.folder.Hold()
	defer s.folder.Release(name)
	kept, err := s.folder.Keep(w.t.Context(), name, bytes.NewReader(content))
	require.NoError(w.t, err)
	id, err := w.account.Enqueue(w.t.Context(), pipeline.Outgoing{
		Conversation: w.conversation(), RemoteID: "file", Content: pipeline.Content{Files: make([]pipeline.File, 1)},
		Files: []storage.Attachment{{Name: "plan.txt", Size: kept.Size, Hash: kept.Hash, File: name, FileSecret: kept.Secret}},
		Next:  &pipeline.Outgoing{Conversation: w.conversation(), RemoteID: "caption", Content: pipeline.Content{Body: "caption"}, AfterFiles: true},
	})
	require.NoError(w.t, err)
	return id
}

func (w *world) attachment(message int64) (a storage.Attachment) {
	w.t.Helper()
	require.NoError(w.t, w.account.DB.View(w.t.Context(), func(r *storage.Reader) error {
		list, err := r.Attachments(message)
		if len(list) == 1 {
			a = list[0]
		}
		return err
	}))
	return a
}

// An upload goes on through whatever passes, each time to a new place, and its
// message follows once; texts do not wait for it.
func TestUploadGoesOn(t *testing.T) {
	for name, trouble := range map[string]func(http.ResponseWriter, *http.Request){
		"server error": answering(http.StatusInternalServerError), "no room": answering(http.StatusInsufficientStorage),
		"vanishes": vanishing, "hangs": hanging,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.uploads(trouble)
			w.startOnline()
			content := bytes.Repeat([]byte("content "), 20000)
			id := w.share(s, content, pipeline.EncryptionNone)
			w.until("delay", func() bool { return w.message(id).Reason != "" || w.message(id).State == pipeline.StateSent })
			w.plain("meanwhile")
			w.until("sent", w.sent(id))
			a := w.attachment(id)
			require.Equal(t, pipeline.FileHere, a.State)
			require.Empty(t, a.Reason)
			require.Empty(t, w.message(id).Reason)
			w.until("all of it", func() bool { return len(w.bodies()) == 4 })
			require.Equal(t, []string{"before", "meanwhile", a.URL, "caption"}, w.bodies())
			require.Equal(t, s.URL+"/xx/plan.txt", a.URL)
			require.Equal(t, map[string][]byte{a.URL: content}, s.kept)
		})
	}
}

// What cannot succeed fails, with what was to follow it, and can be tried again
// by a person.
func TestUploadFails(t *testing.T) {
	w := newWorld(t)
	s := w.uploads(answering(http.StatusRequestEntityTooLarge))
	w.startOnline()
	id := w.share(s, []byte("content"), pipeline.EncryptionNone)
	w.until("failure", func() bool { return w.message(id).State == pipeline.StateFailed })
	require.Equal(t, pipeline.ReasonTooLarge, w.message(id).Reason)
	require.Equal(t, pipeline.FileUnsent, w.attachment(id).State)
	require.Equal(t, pipeline.StateFailed, w.message(id+1).State)
	require.Equal(t, []string{"before"}, w.bodies())

	found, err := w.account.RetryFiles(t.Context(), id, "again")
	require.NoError(t, err)
	require.True(t, found)
	w.until("sent", w.sent(id))
	require.Equal(t, []string{"before", w.attachment(id).URL}, w.bodies())
}

// A file that is deleted while it waits holds nothing up, and without a service
// there is no upload.
func TestUploadWithoutService(t *testing.T) {
	w := newWorld(t)
	s := w.uploads(hanging, hanging, hanging, hanging)
	w.startOnline()
	id := w.share(s, []byte("content"), pipeline.EncryptionNone)
	require.NoError(t, w.account.DB.Update(t.Context(), func(tx *storage.Tx) error { return tx.DeleteMessage(id) }))
	w.link.CancelTransfer(0)
	w.link.RetryTransfers()
	w.until("caption", func() bool { return len(w.bodies()) == 2 })
	require.Equal(t, []string{"before", "caption"}, w.bodies())

	w.close()
	w.behaves(func(b *behaviour) { b.iq = nil })
	w.startOnline()
	id = w.share(s, []byte("content"), pipeline.EncryptionNone)
	w.until("failure", func() bool { return w.message(id).State == pipeline.StateFailed })
	require.Equal(t, "xmpp.upload.none", w.message(id).Reason)
}

// What was begun is begun anew by the next process, with the same bytes.
func TestUploadAfterKill(t *testing.T) {
	w := newWorld(t)
	w.encrypts()
	s := w.uploads(hanging)
	w.startOnline()
	id := w.share(s, []byte("content"), pipeline.EncryptionOMEMO)
	w.until("begun", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.slots == 1 })
	w.startOnline()
	w.until("uploaded", func() bool { return w.attachment(id).State == pipeline.FileHere })
	a := w.attachment(id)
	raw, size, err := s.folder.Raw(a.File)
	require.NoError(t, err)
	defer func() { _ = raw.Close() }()
	want, err := io.ReadAll(raw)
	require.NoError(t, err)
	require.Equal(t, int64(len("content")+16), size)
	require.Equal(t, map[string][]byte{a.URL: want}, s.kept)
	require.NotContains(t, a.URL, "plan")
}
