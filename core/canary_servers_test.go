// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/cutproxy"
	"github.com/confab-im/confab/internal/quickdrive"
	"github.com/confab-im/confab/internal/testserver"
	"github.com/confab-im/confab/storage"
	"github.com/stretchr/testify/require"
)

// A record is a log at debug level, and all errors that were met.
type record struct {
	mu     sync.Mutex
	log    bytes.Buffer
	errors []string
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(b)
}

func (r *record) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
}

// failed notes an error that there must be.
func (r *record) failed(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	for ; err != nil; err = unwrapOnce(err) {
		r.errors = append(r.errors, fmt.Sprintf("%v %+v %q %s", err, err, err.Error(), core.ErrorCode(err)))
	}
}

func unwrapOnce(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

func (r *record) text() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(bytes.Clone(r.log.Bytes()), strings.Join(r.errors, "\n")...)
}

// A canaries is a conversation of two people with secrets, and what was
// recorded of it.
type canaries struct {
	t          *testing.T
	server     *testserver.Server
	proxy      *cutproxy.Proxy
	hunt       hunt
	record     record
	alice, bob *user
	dirs       [2]string
	bodies     int
}

// secret makes a text to look for, with characters that need escaping.
func (c *canaries) secret(name string) string {
	c.t.Helper()
	token := rand.Text()
	c.hunt.add(c.t, name, []byte(token))
	text := token + ` <&>"'\ é ` + token
	c.hunt.add(c.t, name+" escaped", []byte(text))
	return text
}

func (c *canaries) body() string {
	c.bodies++
	return c.secret(fmt.Sprint("body ", c.bodies))
}

// password has no characters that SASLprep changes.
func (c *canaries) password(name string) []byte {
	p := []byte(`p<&>"'\` + rand.Text())
	c.hunt.add(c.t, name, p)
	c.hunt.add(c.t, name+" core", p[7:])
	return p
}

func (c *canaries) open(i int, name string, key, passphrase []byte) *user {
	c.dirs[i] = c.t.TempDir()
	u := &user{t: c.t, config: core.Config{
		Path: filepath.Join(c.dirs[i], name+".db"), Key: key, Passphrase: passphrase,
		RootCAs: c.server.CAPool, Logger: c.record.logger(),
	}}
	u.open()
	c.t.Cleanup(func() { require.NoError(c.t, u.client.Close()) })
	return u
}

// start registers Alice and signs Bob in, after failures of both.
func (c *canaries) start() {
	t, ctx := c.t, withPatience(c.t)
	key := make([]byte, 32)
	_, err := rand.Read(key)
	require.NoError(t, err)
	c.hunt.add(t, "database key", key)
	passphrase := c.password("passphrase")
	c.alice, c.bob = c.open(0, "alice", key, nil), c.open(1, "bob", nil, passphrase)

	c.alice.where = accountAt(t, c.proxy.Addr(), testserver.Account{
		User: "alice-" + strings.ToLower(rand.Text()), Domain: c.server.Domain, Password: string(c.password("password of alice")),
	})
	b := testserver.Account{User: "bob-" + strings.ToLower(rand.Text()), Domain: c.server.Domain, Password: string(c.password("password of bob"))}
	require.NoError(t, c.server.Register(b.User, b.Password))
	c.bob.where = accountAt(t, c.server.Addr, b)

	wrong := c.bob.where
	wrong.Password = c.password("wrong password")
	_, err = c.bob.client.AddAccount(ctx, wrong)
	c.record.failed(t, err)
	_, err = c.bob.client.Register(ctx, wrong) // taken
	c.record.failed(t, err)
	wrong.Password = append(c.password("forbidden password"), 0x07)
	_, err = c.bob.client.AddAccount(ctx, wrong)
	c.record.failed(t, err)
	wrong.Proxy = "127.0.0.1:1"
	_, err = c.bob.client.AddAccount(ctx, wrong)
	c.record.failed(t, err)

	c.alice.account, err = c.alice.client.Register(ctx, c.alice.where)
	require.NoError(t, err)
	c.bob.account, err = c.bob.client.AddAccount(ctx, c.bob.where)
	require.NoError(t, err)
	c.alice.online()
	c.bob.online()
	befriend(c.alice, c.bob)
}

// talk sends a secret each way and waits for it.
func (c *canaries) talk() {
	for _, pair := range [][2]*user{{c.alice, c.bob}, {c.bob, c.alice}} {
		body := c.body()
		pair[0].send(pair[1], body)
		pair[1].until("the message", func() bool { return slices.Contains(pair[1].received(pair[0]), body) })
	}
}

// suffer goes through what can happen to a connection.
func (c *canaries) suffer() {
	t, ctx := c.t, withPatience(c.t)
	for _, how := range []cutproxy.How{cutproxy.Finish, cutproxy.Reset} {
		c.proxy.Cut(how)
		c.alice.until("offline", func() bool { return c.alice.account.State().State != core.Online })
		c.alice.client.NetworkChanged()
		c.talk()
	}
	c.proxy.CutAfter(cutproxy.ToServer, 300, cutproxy.Reset)
	c.alice.send(c.bob, c.body())
	c.alice.until("offline", func() bool { return c.alice.account.State().State != core.Online })
	c.alice.client.NetworkChanged()
	c.talk()

	require.NoError(t, c.alice.account.SignOut(ctx))
	c.bob.send(c.alice, c.body())
	id := c.bob.send(c.alice, c.body())
	c.bob.until("sent", func() bool { return c.bob.state(id) >= core.MessageSent })
	_, found := c.hunt.inFolder(t, c.dirs[0])
	require.Empty(t, found)
	require.NoError(t, c.alice.account.SignIn(ctx))
	c.talk()
	c.alice.restart()
	name, _, _ := strings.Cut(c.alice.account.JID(), "@")
	require.NoError(t, c.server.Kick(name))
	c.talk()
	next := c.password("next password")
	require.NoError(t, c.alice.account.ChangePassword(ctx, next))
	c.alice.restart()
	c.talk()
}

// err goes through what people and programs do wrong.
func (c *canaries) err() {
	t, ctx := c.t, withPatience(c.t)
	nobody := "nobody-at-all@" + c.server.Domain
	id := c.alice.plainTo(nobody, c.body())
	c.alice.until("failed", func() bool { return c.alice.state(id) == core.MessageFailed })
	to, err := c.alice.account.Conversation(ctx, "someone-else@"+c.server.Domain)
	require.NoError(t, err)
	id, err = to.Send(ctx, core.Draft{Body: c.body()})
	require.NoError(t, err)
	require.Equal(t, core.MessageBlocked, c.alice.settled(id).State)
	_, err = to.Retry(ctx, id)
	c.record.failed(t, err)
	require.NoError(t, to.SetDraft(ctx, c.secret("draft")))
	_, err = to.Send(ctx, core.Draft{Body: c.body() + "\x00"})
	c.record.failed(t, err)
	_, err = to.Send(ctx, core.Draft{Body: strings.Repeat(c.body(), 2000)})
	c.record.failed(t, err)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = to.Send(gone, core.Draft{Body: c.body()})
	c.record.failed(t, err)

	number := "+4915155" + fmt.Sprint(time.Now().UnixNano())[6:]
	c.hunt.add(t, "number", []byte(number))
	c.alice.send(c.bob, "call me: "+number)
	c.bob.until("the number", func() bool { l := c.bob.received(c.alice); return strings.HasSuffix(l[len(l)-1], number) })
	for _, text := range []string{number, c.secret("search"), `"` + c.secret("search for a phrase"), "*" + c.secret("search for a star") + " OR NEAR("} {
		_, err := c.bob.client.Search(ctx, core.Search{Text: text})
		require.NoError(t, err)
	}
	_, err = c.bob.client.Search(gone, core.Search{Text: number})
	c.record.failed(t, err)
	c.record.failed(t, c.alice.account.AddContact(ctx, "@"+number, c.secret("name")))
	c.record.failed(t, c.alice.account.SetTrust(ctx, nobody, number, core.Verified))
	require.NoError(t, c.alice.account.AddContact(ctx, nobody, c.secret("name of nobody")))
	_, err = c.alice.account.Conversation(ctx, number+"@@")
	c.record.failed(t, err)

	backup := make([]byte, 32)
	_, err = rand.Read(backup)
	require.NoError(t, err)
	c.hunt.add(t, "key of the backup", backup)
	require.NoError(t, c.alice.client.Backup(ctx, filepath.Join(c.dirs[0], "backup.db"), backup))
	c.record.failed(t, c.alice.client.Backup(ctx, filepath.Join(c.dirs[0], "backup.db"), backup))
	short := c.password("short key")
	c.record.failed(t, c.alice.client.ChangeKey(ctx, short))
	require.NoError(t, c.alice.client.ChangePassphrase(ctx, short))       // there
	require.NoError(t, c.alice.client.ChangeKey(ctx, c.alice.config.Key)) // and back
	next := c.password("next passphrase")
	require.NoError(t, c.bob.client.ChangePassphrase(ctx, next))
	c.bob.config.Passphrase = next

	wrong := c.bob.config
	_, err = core.Open(ctx, wrong) // in use
	c.record.failed(t, err)
	wrong.Path, wrong.Passphrase = filepath.Join(c.dirs[0], "backup.db"), nil
	wrong.Key = short
	_, err = core.Open(ctx, wrong)
	c.record.failed(t, err)
	wrong.Key = bytes.Repeat(short, 2)[:32]
	_, err = core.Open(ctx, wrong)
	c.record.failed(t, err)
	wrong.Passphrase, wrong.Key = short, nil
	_, err = core.Open(ctx, wrong)
	c.record.failed(t, err)
}

// keys adds the private keys in a database, which is closed, to the hunt.
func (c *canaries) keys(u *user, key storage.Key) {
	t, ctx := c.t, withPatience(c.t)
	db, err := storage.Open(ctx, storage.Options{Path: u.config.Path, Key: key})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	before := len(c.hunt.names)
	require.NoError(t, db.Update(ctx, func(tx *storage.Tx) error {
		row, err := tx.Account(u.account.ID())
		require.NoError(t, err)
		var kept struct {
			Salt      []byte `json:"salt"`
			ClientKey []byte `json:"clientKey"`
			ServerKey []byte `json:"serverKey"`
		}
		require.NoError(t, json.Unmarshal(row.Credentials, &kept))
		c.hunt.add(t, u.account.JID()+" SCRAM client key", kept.ClientKey)
		c.hunt.add(t, u.account.JID()+" SCRAM server key", kept.ServerKey)
		st := tx.OMEMO(row.ID)
		_, private, _, ok, err := st.Identity(ctx)
		require.NoError(t, err)
		require.True(t, ok)
		c.hunt.add(t, u.account.JID()+" identity", private)
		_, highest, err := st.PreKeyCount(ctx)
		require.NoError(t, err)
		for id := range highest + 1 {
			if private, _, _, ok, err := st.PreKey(ctx, id); err == nil && ok {
				c.hunt.add(t, fmt.Sprint(u.account.JID(), " prekey ", id), private)
			}
		}
		private, _, _, ok, err = st.SignedPreKey(ctx, 0)
		require.NoError(t, err)
		require.True(t, ok)
		c.hunt.add(t, u.account.JID()+" signed prekey", private)
		return nil
	}))
	require.Greater(t, len(c.hunt.names)-before, 90)
}

// Nothing that anybody wrote, and no key or password, is in a log at debug
// level, in an error, or readable in a file.
func TestCanary(t *testing.T) {
	onServers(t, func(t *testing.T, s *testserver.Server) {
		c := &canaries{t: t, server: s, proxy: cutproxy.Start(t, s.Addr)}
		c.start()
		c.talk()
		c.suffer()
		c.err()
		require.Positive(t, c.bodies)
		open := 0
		for _, dir := range c.dirs { // with all temporary files there are
			size, found := c.hunt.inFolder(t, dir)
			require.Empty(t, found)
			open += size
		}
		require.Greater(t, open, 100_000)
		require.NoError(t, c.alice.client.Close())
		require.NoError(t, c.bob.client.Close())
		c.keys(c.alice, storage.RawKey(c.alice.config.Key))
		c.keys(c.bob, storage.Passphrase(c.bob.config.Passphrase))

		text := c.record.text()
		require.Empty(t, c.hunt.in(text))
		for _, dir := range c.dirs {
			_, found := c.hunt.inFolder(t, dir)
			require.Empty(t, found)
		}
		// The hunt had something to look through, and would have found it.
		require.Greater(t, bytes.Count(text, []byte("\n")), 50)
		require.Contains(t, string(text), "stream ready")
		require.Greater(t, len(c.record.errors), 20)
		for _, name := range c.hunt.names {
			planted := append(text[:len(text):len(text)], c.hunt.forms[name]["raw"]...)
			require.Contains(t, c.hunt.in(planted), name+" (raw)")
		}
		t.Logf("%s: %d secrets, %d bytes of log and errors, %d bytes of files", s.Kind, len(c.hunt.names), len(text), open)
	})
}

// The same for a program: what it writes beside its answers.
func TestCanaryProgram(t *testing.T) {
	program, err := quickdrive.Build(withPatience(t), t.TempDir())
	require.NoError(t, err)
	onServers(t, func(t *testing.T, s *testserver.Server) {
		ctx := withPatience(t)
		c := &canaries{t: t, server: s}
		a := testserver.Account{User: "quick-" + strings.ToLower(rand.Text()), Domain: s.Domain, Password: string(c.password("password"))}
		require.NoError(t, s.Register(a.User, a.Password))
		p := &quickdrive.Peer{Program: program, Dir: t.TempDir(), JID: a.JID(), Password: a.Password, Host: s.Addr, CAFile: s.CAFile}
		t.Cleanup(p.Kill)
		require.NoError(t, p.Start(ctx))
		do := func(command quickdrive.Command) error { _, err := p.Do(ctx, command); return err }
		require.Error(t, do(quickdrive.Command{Cmd: "sign-in", Password: string(c.password("wrong password"))}))
		require.NoError(t, do(quickdrive.Command{Cmd: "sign-in"}))
		_, err := p.Online(ctx, 0)
		require.NoError(t, err)
		nobody := "nobody-at-all@" + s.Domain
		require.NoError(t, do(quickdrive.Command{Cmd: "send", Peer: nobody, Body: c.body()}))
		require.NoError(t, do(quickdrive.Command{Cmd: "encryption", Peer: nobody, State: "plain"}))
		require.NoError(t, do(quickdrive.Command{Cmd: "send", Peer: nobody, Body: c.body()}))
		require.Error(t, do(quickdrive.Command{Cmd: "send", Peer: nobody, Body: c.body() + "\x00"}))
		require.NoError(t, do(quickdrive.Command{Cmd: "search", Body: c.secret("search")}))
		require.NoError(t, p.Quit(ctx))
		key, err := os.ReadFile(p.Database() + ".hexkey")
		require.NoError(t, err)
		c.hunt.add(t, "database key", bytes.TrimSpace(key))

		_, found := c.hunt.inFolder(t, p.Dir, "password", filepath.Base(p.Database())+".hexkey")
		require.Empty(t, found)
		require.Empty(t, c.hunt.in([]byte(p.Stderr())))
		log, err := os.ReadFile(filepath.Join(p.Dir, "debug.log"))
		require.NoError(t, err)
		require.Contains(t, string(log), "stream ready")
		_, found = c.hunt.inFolder(t, p.Dir) // the control
		for _, name := range []string{"password", filepath.Base(p.Database()) + ".hexkey"} {
			require.True(t, slices.ContainsFunc(found, func(f string) bool {
				return strings.HasPrefix(f, filepath.Join(p.Dir, name)+": ")
			}), "%v", found)
		}
	})
}
