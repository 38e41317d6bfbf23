// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/internal/cutproxy"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/stretchr/testify/require"
)

// The servers that every test of this file's kind runs on.
var (
	prosody  = testserver.NewShared(testserver.Prosody)
	ejabberd = testserver.NewShared(testserver.Ejabberd)
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, prosody, ejabberd)) }

// onServers runs a test on each server.
func onServers(t *testing.T, fn func(t *testing.T, s *testserver.Server)) {
	for _, shared := range []*testserver.Shared{prosody, ejabberd} {
		s := shared.Server(t)
		t.Run(string(s.Kind), func(t *testing.T) { fn(t, s) })
	}
}

// patience bounds every wait; machines are small and shared.
const patience = 3 * time.Minute

func withPatience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// user is one account in a client of its own.
type user struct {
	t       *testing.T
	client  *core.Client
	account *core.Account
	config  core.Config
	where   core.AccountConfig
}

// newUser makes an account on the server and signs in, through proxy if it is
// not nil.
func newUser(t *testing.T, s *testserver.Server, prefix string, proxy *cutproxy.Proxy) *user {
	t.Helper()
	return newUserOn(t, s, prefix, proxy, nil)
}

// newUserOn is newUser with a session engine of choice; nil is the default.
func newUserOn(t *testing.T, s *testserver.Server, prefix string, proxy *cutproxy.Proxy, e engine.Engine) *user {
	t.Helper()
	a := s.NewAccount(t, prefix)
	u := &user{t: t, config: core.Config{
		Path: filepath.Join(t.TempDir(), prefix+".db"), Key: []byte("0123456789abcdef0123456789abcdef"),
		Engine: e, RootCAs: s.CAPool, Logger: testLogger(t, prefix),
	}}
	u.where = accountAt(t, s.Addr, a)
	if proxy != nil {
		u.where = accountAt(t, proxy.Addr(), a)
	}
	u.open()
	var err error
	u.account, err = u.client.AddAccount(withPatience(t), u.where)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, u.client.Close()) })
	u.online()
	return u
}

// testLogger shows what a client logged, if the test fails and
// CONFAB_TEST_LOG is set.
func testLogger(t *testing.T, name string) *slog.Logger {
	if os.Getenv("CONFAB_TEST_LOG") == "" {
		return nil
	}
	f, err := os.Create(filepath.Join(os.Getenv("CONFAB_TEST_LOG"), strings.ReplaceAll(t.Name(), "/", "-")+"-"+name+".log"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func accountAt(t *testing.T, addr string, a testserver.Account) core.AccountConfig {
	t.Helper()
	host, text, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	return core.AccountConfig{JID: a.JID(), Password: []byte(a.Password), Host: host, Port: port}
}

func (u *user) open() {
	u.t.Helper()
	var err error
	u.client, err = core.Open(withPatience(u.t), u.config)
	require.NoError(u.t, err)
	if list := u.client.Accounts(); len(list) > 0 {
		u.account = list[0]
	}
}

// restart closes the client and opens it again.
func (u *user) restart() {
	u.t.Helper()
	require.NoError(u.t, u.client.Close())
	u.open()
}

// until waits for a condition, looking again after every event.
func (u *user) until(what string, ok func() bool) {
	u.t.Helper()
	ctx := withPatience(u.t)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	events := u.client.Subscribe(core.Filter{})
	defer events.Close()
	for !ok() {
		if _, err := events.Next(ctx); err != nil {
			require.FailNow(u.t, "waited in vain", "%s: %s: %v, state %+v", u.account.JID(), what, err, u.account.State())
		}
		for queued := error(nil); queued == nil; { // one look answers all that is queued
			_, queued = events.Next(ended)
		}
	}
}

func (u *user) online() {
	u.t.Helper()
	u.until("online", func() bool { return u.account.State().State == core.Online })
}

func (u *user) with(peer *user) *core.Conversation {
	u.t.Helper()
	c, err := u.account.Conversation(withPatience(u.t), peer.account.JID())
	require.NoError(u.t, err)
	return c
}

func (u *user) send(peer *user, body string) core.MessageID {
	u.t.Helper()
	id, err := u.with(peer).Send(withPatience(u.t), core.Draft{Body: body})
	require.NoError(u.t, err)
	return id
}

func (u *user) state(id core.MessageID) core.MessageState {
	u.t.Helper()
	m, err := u.client.Message(withPatience(u.t), id)
	require.NoError(u.t, err)
	return m.State
}

// history returns the conversation with peer, oldest first.
func (u *user) history(peer *user) (all []core.Message) {
	u.t.Helper()
	c := u.with(peer)
	for after := core.Cursor(0); ; {
		page, err := c.HistoryAfter(withPatience(u.t), after, core.MaxPage)
		require.NoError(u.t, err)
		all = append(all, page...)
		if len(page) < core.MaxPage {
			return all
		}
		after = page[len(page)-1].Cursor
	}
}

// received returns the bodies that u has from peer.
func (u *user) received(peer *user) []string {
	u.t.Helper()
	var list []string
	for _, m := range u.history(peer) {
		if !m.Outgoing {
			require.Equal(u.t, core.Text, m.Kind, "unreadable: %s", m.Reason)
			list = append(list, m.Body)
		}
	}
	return list
}

// befriend makes two users each other's contacts.
func befriend(a, b *user) {
	a.t.Helper()
	ctx := withPatience(a.t)
	require.NoError(a.t, a.account.AddContact(ctx, b.account.JID(), ""))
	b.until("contact request", func() bool {
		list, err := b.account.Requests(ctx)
		require.NoError(b.t, err)
		return len(list) == 1 && list[0] == a.account.JID()
	})
	require.NoError(a.t, b.account.AddContact(ctx, a.account.JID(), ""))
	for _, u := range []*user{a, b} {
		u.until("subscription both ways", func() bool {
			contacts, err := u.account.Contacts(ctx)
			require.NoError(u.t, err)
			return len(contacts) == 1 && contacts[0].Subscription == "both"
		})
	}
}

// numbered is the n-th body of a series.
func numbered(series string, n int) string { return fmt.Sprintf("%s %d", series, n) }

// requireSeries checks that the bodies of a series are all there, each once
// and in order.
func requireSeries(t *testing.T, got []string, series string, n int) {
	t.Helper()
	next := 0
	for _, body := range got {
		if !strings.HasPrefix(body, series+" ") {
			continue
		}
		require.Equal(t, numbered(series, next), body, "message %d of %s", next, ranges(got, series))
		next++
	}
	require.Equal(t, n, next, "messages of series %q", series)
}

// inOrder says whether a series is complete and in order.
func inOrder(got []string, series string, n int) bool {
	next := 0
	for _, body := range got {
		if body == numbered(series, next) {
			next++
		}
	}
	return next == n
}
