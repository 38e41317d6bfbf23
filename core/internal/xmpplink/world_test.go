// SPDX-License-Identifier: MPL-2.0

package xmpplink_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/event"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/core/internal/xmpplink"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// patience bounds every wait.
const patience = 30 * time.Second

// A world is one account with its database and its server.
type world struct {
	*server
	t       *testing.T
	account *pipeline.Account
	link    *xmpplink.Link
	n       int // of messages sent
	waits   stream.Timeouts
	reread  time.Duration
	media   xmpplink.Media
}

// newWorld makes an account that does not connect yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<20)
				require.FailNow(t, "goroutines left", "%s", buf[:runtime.Stack(buf, true)])
			}
		}
	})
	db, err := storage.Open(t.Context(), storage.Options{
		Path: filepath.Join(t.TempDir(), "test.db"), Key: storage.RawKey(bytes.Repeat([]byte{7}, 32)),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	row := storage.Account{Kind: "xmpp", Address: alice}
	require.NoError(t, db.Update(t.Context(), func(tx *storage.Tx) error { return tx.CreateAccount(&row) }))
	w := &world{t: t, server: newServer(t)}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("CONFAB_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	w.account = &pipeline.Account{
		ID: row.ID, JID: alice, Channel: "xmpp", DB: db, Bus: &event.Bus{}, Builder: xmpplink.Builder{},
		Now: time.Now, Log: log,
	}
	t.Cleanup(w.close)
	return w
}

// start connects, as a new process would.
func (w *world) start() {
	w.t.Helper()
	w.close()
	w.link = xmpplink.Start(w.account, xmpplink.ConnConfig{
		JID: alice, Resource: "script", Password: []byte("sesame"), Host: "127.0.0.1",
		Port: w.listener.Addr().(*net.TCPAddr).Port, RootCAs: w.roots, AllowPlain: true, Logger: w.account.Log,
		Timeouts: w.waits, Reread: w.reread, Media: w.media,
	})
}

func (w *world) close() {
	if w.link != nil {
		w.link.Close()
		w.link = nil
	}
}

// until waits for a condition, and hurries reconnections.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick, hurry := time.NewTicker(5*time.Millisecond), time.NewTicker(4*time.Second)
	defer tick.Stop()
	defer hurry.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-hurry.C: // no more often: it ends an attempt that is under way
			if state, _ := w.link.State(); state == event.Connecting {
				w.link.NetworkChanged()
			}
		case <-deadline.C:
			state, code := w.link.State()
			require.FailNow(w.t, "waited in vain for "+what, "%v %s, rows %v, server got %v", state, code, w.rows(), w.bodies())
		}
	}
}

func (w *world) online() bool {
	state, _ := w.link.State()
	return state == event.Online
}

// startOnline connects and waits until the archive has been read.
func (w *world) startOnline() {
	w.t.Helper()
	w.start()
	w.until("online", w.online)
	w.until("caught up", w.caughtUp)
}

// caughtUp says that no reading of the archive is under way.
func (w *world) caughtUp() bool {
	unfinished, err := w.account.Unfinished(w.t.Context())
	require.NoError(w.t, err)
	_, started, err := w.cursor()
	require.NoError(w.t, err)
	return started && !unfinished
}

func (w *world) cursor() (id string, started bool, err error) {
	err = w.account.DB.View(w.t.Context(), func(r *storage.Reader) error {
		id, started, err = r.Cursor(w.account.ID, alice)
		return err
	})
	return id, started, err
}

// history returns the conversation with Bob.
func (w *world) history() (list []storage.Message) {
	w.t.Helper()
	require.NoError(w.t, w.account.DB.View(context.WithoutCancel(w.t.Context()), func(r *storage.Reader) error {
		c, err := r.ConversationByPeer(w.account.ID, bob)
		if err != nil {
			return nil // none yet
		}
		list, err = r.MessagesAfter(c.ID, 0, 0)
		return err
	}))
	return list
}

func (w *world) rows() (list []string) {
	for _, m := range w.history() {
		list = append(list, m.Body)
	}
	return list
}

// send writes a message to Bob.
func (w *world) send(body string, encryption uint8) int64 {
	w.t.Helper()
	var conversation int64
	require.NoError(w.t, w.account.DB.Update(w.t.Context(), func(tx *storage.Tx) error {
		c, _, err := tx.EnsureConversation(w.account.ID, bob, pipeline.ConversationDirect)
		c.Encryption, conversation = encryption, c.ID
		if err == nil {
			err = tx.UpdateConversation(c)
		}
		return err
	}))
	w.n++
	id, err := w.account.Enqueue(w.t.Context(), pipeline.Outgoing{Conversation: conversation, RemoteID: "m" + body, Content: pipeline.Content{Body: body}})
	require.NoError(w.t, err)
	if w.link != nil {
		w.link.Wake()
	}
	return id
}

func (w *world) plain(body string) int64 { return w.send(body, pipeline.EncryptionNone) }

func (w *world) message(id int64) (m storage.Message) {
	w.t.Helper()
	require.NoError(w.t, w.account.DB.View(w.t.Context(), func(r *storage.Reader) (err error) {
		m, err = r.Message(id)
		return err
	}))
	return m
}

func (w *world) sent(id int64) func() bool {
	return func() bool { return w.message(id).State >= pipeline.StateSent }
}

// busy keeps the database from being written until the returned function.
func (w *world) busy() (done func()) {
	w.t.Helper()
	begun, end, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- w.account.DB.Update(context.WithoutCancel(w.t.Context()), func(*storage.Tx) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	release := sync.OnceFunc(func() { close(end) })
	w.t.Cleanup(release) // a test that fails does not keep it either
	return func() {
		release()
		require.NoError(w.t, <-ended)
	}
}

func isPresence(e *element.Element) bool {
	return e.Name.Local == "presence" && e.AttrValue("type") == ""
}

func isMAM(iq *element.Element) bool { return iq.Child(nsMAM, "query") != nil }
