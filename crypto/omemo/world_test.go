// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
	"github.com/confab-im/confab/crypto/ratchet"
	"github.com/confab-im/confab/crypto/trust"
)

func emptyStore() *omemotest.Store { return omemotest.NewStore() }

// runs are the engines and profiles that the tests run on.
var runs = []struct {
	name    string
	engine  func() engine.Engine
	profile engine.Profile
}{
	{"ratchet-0.3", func() engine.Engine { return ratchet.New() }, engine.Profile03},
	{"ratchet-2", func() engine.Engine { return ratchet.New() }, engine.Profile2},
	{"libsignal-0.3", func() engine.Engine { return libsignal.New() }, engine.Profile03},
}

// everywhere runs a test on each of them: it is what newWorld then makes.
func everywhere(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	for _, r := range runs {
		t.Run(r.name, test)
	}
}

// newEngine is the engine where it does not matter which.
func newEngine() engine.Engine { return runs[0].engine() }

const (
	alice = "alice@example.org"
	bob   = "bob@example.net"
	carol = "carol@example.com"
)

// clock is a time that moves only when it is told to.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// world is everybody's devices and what they published.
type world struct {
	t       testing.TB
	clock   *clock
	log     *slog.Logger
	limits  omemo.Limits
	engine  engine.Engine
	profile engine.Profile
	all     []*client
}

func newWorld(t testing.TB) *world {
	run := runs[0]
	for _, r := range runs {
		if slices.Contains(strings.Split(t.Name(), "/"), r.name) {
			run = r
		}
	}
	return worldOf(t, run.engine(), run.profile)
}

func worldOf(t testing.TB, e engine.Engine, p engine.Profile) *world {
	return &world{t: t, engine: e, profile: p, clock: &clock{time.Date(2025, 3, 1, 9, 0, 0, 0, time.UTC)}}
}

// client is one device with its manager and store.
type client struct {
	*omemo.Manager
	w   *world
	ctx context.Context
	st  *omemotest.Store
	jid string
	id  uint32
}

func (w *world) client(jid string) *client {
	w.t.Helper()
	m, err := omemo.New(omemo.Config{
		Engine: w.engine, Profile: w.profile, JID: jid, Now: w.clock.now, Logger: w.log, Limits: w.limits,
	})
	require.NoError(w.t, err)
	c := &client{Manager: m, w: w, ctx: w.t.Context(), st: omemotest.NewStore(), jid: jid}
	created, err := m.Setup(c.ctx, c.st)
	require.NoError(w.t, err)
	require.True(w.t, created)
	c.id, err = m.DeviceID(c.ctx, c.st)
	require.NoError(w.t, err)
	w.all = append(w.all, c)
	return c
}

func (c *client) addr() omemo.Address { return omemo.Address{JID: c.jid, Device: c.id} }

// listed is a device list without labels.
func listed(ids ...uint32) []omemo.Listed {
	var list []omemo.Listed
	for _, id := range ids {
		list = append(list, omemo.Listed{ID: id})
	}
	return list
}

// sync gives everybody everybody's device list.
func (w *world) sync() {
	w.t.Helper()
	lists := map[string][]uint32{}
	for _, c := range w.all {
		lists[c.jid] = append(lists[c.jid], c.id)
	}
	for _, c := range w.all {
		for jid, ids := range lists {
			_, err := c.UpdateDevices(c.ctx, c.st, jid, listed(ids...))
			require.NoError(w.t, err)
		}
	}
}

func (c *client) bundle() omemo.PublishedBundle {
	c.w.t.Helper()
	b, err := c.OwnBundle(c.ctx, c.st)
	require.NoError(c.w.t, err)
	return b.PublishedBundle
}

// fetch creates the sessions that are missing for a message to jids.
func (c *client) fetch(jids ...string) {
	c.w.t.Helper()
	missing, err := c.MissingSessions(c.ctx, c.st, jids)
	require.NoError(c.w.t, err)
	for _, a := range missing {
		i := slices.IndexFunc(c.w.all, func(o *client) bool { return o.addr() == a })
		if i >= 0 {
			require.NoError(c.w.t, c.AddBundle(c.ctx, c.st, a, c.w.all[i].bundle()))
		}
	}
}

// send fetches what is missing and encrypts.
func (c *client) send(text string, jids ...string) omemo.Envelope {
	c.w.t.Helper()
	c.fetch(jids...)
	env, _, err := c.Encrypt(c.ctx, c.st, []byte(text), jids)
	require.NoError(c.w.t, err)
	return env
}

func (c *client) receive(from *client, env omemo.Envelope) omemo.Result {
	c.w.t.Helper()
	res, err := c.Decrypt(c.ctx, c.st, from.jid, env)
	require.NoError(c.w.t, err)
	require.Equal(c.w.t, from.addr(), res.Sender)
	return res
}

func (c *client) read(from *client, env omemo.Envelope) string {
	c.w.t.Helper()
	res := c.receive(from, env)
	require.False(c.w.t, res.Empty)
	return string(res.Plaintext)
}

// refuse requires that a message is refused for this reason and that nothing is
// changed by it.
func (c *client) refuse(from string, env omemo.Envelope, want omemo.Reason) *omemo.DecryptError {
	c.w.t.Helper()
	before := c.st.Clone()
	res, err := c.Decrypt(c.ctx, c.st, from, env)
	require.Equal(c.w.t, omemo.Result{}, res)
	var failed *omemo.DecryptError
	require.ErrorAs(c.w.t, err, &failed)
	require.Equal(c.w.t, want, failed.Reason, "%v", err)
	require.Equal(c.w.t, want.Code(), failed.Code())
	require.Equal(c.w.t, omemo.Address{JID: from, Device: env.SID}, failed.Sender)
	require.Equal(c.w.t, c.w.profile, failed.Profile)
	require.True(c.w.t, before.Equal(c.st), "a message that was refused changed the store")
	return failed
}

// unchanged requires that fn fails with want and changes nothing.
func (c *client) unchanged(want error, fn func() error) {
	c.w.t.Helper()
	before := c.st.Clone()
	require.ErrorIs(c.w.t, fn(), want)
	require.True(c.w.t, before.Equal(c.st), "a call that failed changed the store")
}

func (c *client) trustIn(o *client) trust.State {
	c.w.t.Helper()
	devices, err := c.Devices(c.ctx, c.st, o.jid)
	require.NoError(c.w.t, err)
	i := slices.IndexFunc(devices, func(d omemo.Device) bool { return d.Address == o.addr() })
	require.GreaterOrEqual(c.w.t, i, 0)
	require.True(c.w.t, devices[i].Known)
	return devices[i].Trust
}

func (c *client) setTrust(o *client, s trust.State) {
	c.w.t.Helper()
	k, err := o.Identity(o.ctx, o.st)
	require.NoError(c.w.t, err)
	require.NoError(c.w.t, c.SetTrust(c.ctx, c.st, o.jid, k, s))
}

// craft encrypts material of any kind with the current session to o.
func (c *client) craft(o *client, material, iv, payload []byte) omemo.Envelope {
	c.w.t.Helper()
	p := uint8(c.w.profile)
	seqs, states, err := c.st.Sessions(c.ctx, p, o.jid, o.id)
	require.NoError(c.w.t, err)
	require.NotEmpty(c.w.t, seqs)
	next, wire, kex, err := c.w.engine.Encrypt(states[0], material)
	require.NoError(c.w.t, err)
	_, err = c.st.SaveSession(c.ctx, p, o.jid, o.id, seqs[0], next)
	require.NoError(c.w.t, err)
	return omemo.Envelope{
		Profile: c.w.profile, SID: c.id, IV: iv, Payload: payload,
		Keys: []omemo.Key{{RID: o.id, JID: o.jid, PreKey: kex, Data: wire}},
	}
}

// pair is two devices that have both sent.
func pair(t testing.TB) (w *world, a, b *client) {
	t.Helper()
	w = newWorld(t)
	a, b = w.client(alice), w.client(bob)
	w.sync()
	require.Equal(t, "hello", b.read(a, a.send("hello", bob)))
	require.Equal(t, "hello yourself", a.read(b, b.send("hello yourself", alice)))
	return w, a, b
}
