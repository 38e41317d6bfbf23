// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/stretchr/testify/require"
)

// typed says that an error has a code of its own.
func typed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		require.NotEqual(t, "internal", core.ErrorCode(err), "%v", err)
	}
}

// Whatever happens to the account and the client meanwhile, what Send returned
// for is stored, and every event's row can be read.
func TestEverythingAtOnce(t *testing.T) {
	settles(t)
	s := newScript(t)
	cfg := core.Config{
		Path: filepath.Join(t.TempDir(), "misuse.db"), Key: []byte("0123456789abcdef0123456789abcdef"),
		RootCAs: s.roots, AllowPlain: true,
	}
	c, err := core.Open(t.Context(), cfg)
	require.NoError(t, err)
	a, err := c.AddAccount(t.Context(), s.account())
	require.NoError(t, err)
	chat, err := a.Conversation(t.Context(), scriptPeer)
	require.NoError(t, err)
	require.NoError(t, chat.SetEncryption(t.Context(), core.Plain))

	var mu sync.Mutex
	stored := make(map[core.MessageID]string)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for who := range 50 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				sending, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(20_000))*time.Microsecond)
				body := fmt.Sprint(who, " ", i)
				id, err := chat.Send(sending, core.Draft{Body: body})
				cancel()
				typed(t, err)
				if err == nil {
					mu.Lock()
					stored[id] = body
					mu.Unlock()
				}
			}
		})
	}
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				switch rand.IntN(6) {
				case 0:
					typed(t, a.SignOut(ctx))
				case 1, 2:
					typed(t, a.SignIn(ctx))
				case 3:
					c.SetForeground(rand.IntN(2) == 0)
				case 4:
					c.NetworkChanged()
				case 5:
					s.behaves((*scripted).well) // cuts
				}
				runtime.Gosched()
			}
		})
	}
	for range 5 {
		wg.Go(func() {
			for ctx.Err() == nil {
				events := c.Subscribe(core.Filter{Queue: 1 + rand.IntN(100)})
				if rand.IntN(2) == 0 {
					wg.Go(events.Close)
				}
				for range 50 {
					e, err := events.Next(ctx)
					if err != nil {
						break
					}
					if e.Kind == core.EventMessageAdded || e.Kind == core.EventMessageChanged {
						_, err := c.Message(ctx, e.Message)
						if ctx.Err() == nil {
							require.NoError(t, err)
						}
					}
				}
				events.Close()
				events.Close()
			}
		})
	}
	time.AfterFunc(6*time.Second, cancel)
	<-ctx.Done()
	for range 3 { // while they are still at it
		wg.Go(func() { require.NoError(t, c.Close()) })
	}
	wg.Wait()
	require.NoError(t, c.Close())

	c, err = core.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Check(t.Context()))
	require.NotEmpty(t, stored)
	for id, body := range stored {
		m, err := c.Message(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, body, m.Body)
	}
	a = c.Accounts()[0]
	require.NoError(t, a.SignIn(t.Context()))
	becomes(t, c, "all sent", func() bool {
		for id := range stored {
			if stateOf(t, c, id) != core.MessageSent {
				return false
			}
		}
		return true
	})
	order, seen := make(map[string]int), make(map[string]bool)
	for _, body := range s.bodies() {
		var who string
		var i int
		_, err := fmt.Sscan(body, &who, &i)
		require.NoError(t, err)
		if !seen[body] { // in doubt, without an archive, it came again
			require.GreaterOrEqual(t, i, order[who])
			order[who], seen[body] = i, true
		}
	}
	for _, body := range stored {
		require.True(t, seen[body], body)
	}
}

// An account that is removed while it is signed in and out stays removed.
func TestRemoveAtOnce(t *testing.T) {
	settles(t)
	s := newScript(t)
	c := openBad(t, s)
	for range 10 {
		a, err := c.AddAccount(t.Context(), s.account())
		require.NoError(t, err)
		chat, err := a.Conversation(t.Context(), scriptPeer)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { typed(t, a.SignIn(t.Context())) })
			wg.Go(func() { typed(t, a.SignOut(t.Context())) })
			wg.Go(func() {
				_, err := chat.Send(t.Context(), core.Draft{Body: "x"})
				typed(t, err)
			})
			wg.Go(func() {
				if err := c.RemoveAccount(t.Context(), a.ID()); err != nil {
					require.ErrorIs(t, err, core.ErrNoAccount)
				}
			})
		}
		wg.Wait()
		require.Empty(t, c.Accounts())
		require.ErrorIs(t, a.SignIn(t.Context()), core.ErrNoAccount)
		require.Equal(t, core.Offline, a.State().State)
		_, err = a.Conversation(t.Context(), scriptPeer)
		require.ErrorIs(t, err, core.ErrNoAccount)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	a, err := c.AddAccount(t.Context(), s.account())
	require.NoError(t, err)
	require.Error(t, c.RemoveAccount(gone, a.ID()))
	becomes(t, c, "online, as it is not removed", func() bool { return a.State().State == core.Online })
}

// Everything after Close is the same error, and nothing panics.
func TestAfterClose(t *testing.T) {
	settles(t)
	s := newScript(t)
	c := openBad(t, s)
	a, err := c.AddAccount(t.Context(), s.account())
	require.NoError(t, err)
	chat, err := a.Conversation(t.Context(), scriptPeer)
	require.NoError(t, err)
	events := c.Subscribe(core.Filter{})
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	ctx := t.Context()
	fails := map[string]func() error{
		"send":    func() error { _, err := chat.Send(ctx, core.Draft{Body: "x"}); return err },
		"history": func() error { _, err := chat.History(ctx, 0, 1); return err },
		"info":    func() error { _, err := chat.Info(ctx); return err },
		"read":    func() error { return chat.MarkRead(ctx, 0) },
		"delete":  func() error { return chat.Delete(ctx) },
		"search":  func() error { _, err := c.Search(ctx, core.Search{Text: "x"}); return err },
		"list":    func() error { _, err := c.Conversations(ctx, core.ConversationFilter{}); return err },
		"add":     func() error { _, err := c.AddAccount(ctx, s.account()); return err },
		"sign in": func() error { return a.SignIn(ctx) }, "sign out": func() error { return a.SignOut(ctx) },
		"remove":             func() error { return c.RemoveAccount(ctx, a.ID()) },
		"contact":            func() error { return a.AddContact(ctx, scriptPeer, "") },
		"accept":             func() error { return a.AcceptRequest(ctx, scriptPeer) },
		"contacts":           func() error { _, err := a.Contacts(ctx); return err },
		"requests":           func() error { _, err := a.Requests(ctx); return err },
		"register":           func() error { _, err := c.Register(ctx, s.account()); return err },
		"password":           func() error { return a.SetPassword(ctx, []byte("x")) },
		"change password":    func() error { return a.ChangePassword(ctx, []byte("x")) },
		"delete account":     func() error { return a.DeleteFromServer(ctx) },
		"conversation":       func() error { _, err := a.Conversation(ctx, scriptPeer); return err },
		"conversation by id": func() error { _, err := c.Conversation(ctx, chat.ID()); return err },
		"message":            func() error { _, err := c.Message(ctx, 1); return err },
		"unread":             func() error { _, err := c.Unread(ctx); return err },
		"draft":              func() error { return chat.SetDraft(ctx, "x") },
		"delete message":     func() error { return chat.DeleteMessage(ctx, 1) },
		"retry":              func() error { _, err := chat.Retry(ctx, 1); return err },
		"history after":      func() error { _, err := chat.HistoryAfter(ctx, 0, 1); return err },
		"own device":         func() error { _, err := a.OwnDevice(ctx); return err },
		"refresh":            func() error { return a.RefreshDevices(ctx, scriptPeer) },
		"trust":              func() error { return a.SetTrust(ctx, scriptPeer, strings.Repeat("0f", 32), core.Verified) },
		"load older":         func() error { _, _, err := chat.LoadOlder(ctx, 1); return err },
		"gaps":               func() error { _, err := chat.Gaps(ctx); return err },
		"passphrase":         func() error { return c.ChangePassphrase(ctx, []byte("x")) },
		"devices":            func() error { _, err := a.Devices(ctx, scriptPeer); return err },
		"backup":             func() error { return c.Backup(ctx, filepath.Join(t.TempDir(), "b"), make([]byte, 32)) },
		"check":              func() error { return c.Check(ctx) },
		"key":                func() error { return c.ChangeKey(ctx, make([]byte, 32)) },
	}
	for name, call := range fails {
		err := call()
		require.ErrorIs(t, err, core.ErrClosed, name)
		require.Equal(t, "core.closed", core.ErrorCode(err), "%s: %v", name, err)
	}
	c.NetworkChanged()
	c.SetForeground(true)
	require.Equal(t, core.Offline, a.State().State)
	for err = nil; err == nil; { // what was queued, then the end
		_, err = events.Next(ctx)
	}
	require.ErrorIs(t, err, core.ErrSubscriptionClosed)
	_, err = c.Subscribe(core.Filter{}).Next(ctx)
	require.ErrorIs(t, err, core.ErrSubscriptionClosed)
	require.Equal(t, "core.subscription-closed", core.ErrorCode(err))
}

// A file belongs to one client at a time.
func TestTwoClients(t *testing.T) {
	cfg := core.Config{Path: filepath.Join(t.TempDir(), "two.db"), Key: make([]byte, 32)}
	first, err := core.Open(t.Context(), cfg)
	require.NoError(t, err)
	_, err = core.Open(t.Context(), cfg)
	require.Equal(t, "storage.in-use", core.ErrorCode(err), "%v", err)
	require.NoError(t, first.Close())
	second, err := core.Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

// Places and searches that make no sense are answered, not obeyed.
func TestHostileReads(t *testing.T) {
	settles(t)
	s := newScript(t)
	c := openBad(t, s)
	a, err := c.AddAccount(t.Context(), s.account())
	require.NoError(t, err)
	for _, body := range []string{"alpha", "beta \"gamma\" * OR 1=1", "δέλτα"} {
		sendPlain(t, a, body)
	}
	chat, err := a.Conversation(t.Context(), scriptPeer)
	require.NoError(t, err)
	all, err := chat.History(t.Context(), 0, 0)
	require.NoError(t, err)
	require.Len(t, all, 3)
	for _, place := range []core.Cursor{-1 << 63, -1, 0, 1, all[0].Cursor, all[2].Cursor, 1<<63 - 1} {
		for _, limit := range []int{-1 << 31, -1, 0, 1, 500, 1 << 31} {
			before, err := chat.History(t.Context(), place, limit)
			require.NoError(t, err)
			after, err := chat.HistoryAfter(t.Context(), place, limit)
			require.NoError(t, err)
			for _, m := range before {
				require.True(t, place == 0 || m.Cursor < place)
			}
			for _, m := range after {
				require.Greater(t, m.Cursor, place)
			}
		}
	}
	for _, text := range []string{
		"", " ", `"`, `""`, "*", "a*", `alpha"`, `alpha" OR "beta`, "NEAR/1", "alpha NOT beta", "alpha AND", "(alpha", "-alpha", "conv:c1",
		"conv:c1 OR body:alpha", "body:alpha", "^alpha", "alpha\x00beta", "\xff\xfe", "'; DROP TABLE message; --", strings.Repeat("a", 1<<20),
		strings.Repeat("a ", 1<<18), strings.Repeat("\"", 1<<16), "\u202ealpha", "α", "\U0010FFFF",
	} {
		found, err := c.Search(t.Context(), core.Search{Text: text, Before: -1, Limit: -5, Conversation: -9})
		require.NoError(t, err, "%.20q", text)
		require.Empty(t, found)
		found, err = c.Search(t.Context(), core.Search{Text: text})
		require.NoError(t, err, "%.20q", text)
		require.LessOrEqual(t, len(found), 3)
	}
	found, err := c.Search(t.Context(), core.Search{Text: "alp"})
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// After a change of password the account signs in with the new one.
func TestChangedPasswordIsUsed(t *testing.T) {
	settles(t)
	s := newScript(t)
	used := make(chan string, 1)
	listen := func(p *scripted) error {
		if err := p.secure(p.certificate); err != nil {
			return err
		}
		if err := p.header(offerAuth); err != nil {
			return err
		}
		e, err := p.read()
		if err != nil {
			return err
		}
		select {
		case used <- e.Text:
		default:
		}
		return errScript
	}
	s.behaves(func(p *scripted) error {
		if err := p.ready(); err != nil {
			return err
		}
		return p.goOn(func(e *element.Element) error {
			if e.Child("jabber:iq:register", "query") == nil {
				return nil
			}
			p.mu.Lock()
			p.behave = listen
			p.mu.Unlock()
			return p.write(`<iq type='result' id='`, e.AttrValue("id"), `' from='`, e.AttrValue("to"), `'/>`)
		})
	})
	c := openBad(t, s)
	a, err := c.AddAccount(t.Context(), s.account())
	require.NoError(t, err)
	becomes(t, c, "online", func() bool { return a.State().State == core.Online })
	require.NoError(t, a.ChangePassword(t.Context(), []byte("open")))
	select {
	case text := <-used:
		plain, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		require.Equal(t, "\x00alice\x00open", string(plain))
	case <-time.After(badPatience):
		require.FailNow(t, "no sign-in")
	}
}
