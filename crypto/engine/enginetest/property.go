// SPDX-License-Identifier: MPL-2.0

package enginetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

// interleavings lets two devices write to each other over a network that loses,
// delays, reorders and repeats, while either starts new sessions at any time,
// also both at once. Every message that arrives is read exactly once, by exactly
// one session, and a forged or repeated one by none.
func interleavings(t *testing.T, e engine.Engine, p engine.Profile) {
	for range 3 {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		w := newNetwork(t, e, p, rand.New(rand.NewPCG(seed, 4)))
		for range 40 {
			// Between two pauses fewer turns are made than chains are kept.
			for range 10 {
				w.step(t)
			}
			w.deliverAll(t)
		}
		require.Greater(t, w.read, 100)
		require.Positive(t, w.repeated)
		require.Positive(t, w.archived, "no message was for an archived session")
	}
}

// network is two devices and what is under way between them.
type network struct {
	rng                      *rand.Rand
	ends                     [2]*end
	sent                     int
	read, repeated, archived int
}

// end is a device with its sessions as an application keeps them: the current
// one first, then the archived ones.
type end struct {
	*Party
	sessions []*Session
	queue    []letter // to this device
	seen     []letter // that it has read
}

type letter struct {
	text string
	wire []byte
	kex  bool
}

func newNetwork(t *testing.T, e engine.Engine, p engine.Profile, rng *rand.Rand) *network {
	w := &network{rng: rng, ends: [2]*end{{Party: NewParty(t, e, p, 1001)}, {Party: NewParty(t, e, p, 2002)}}}
	if rng.IntN(2) == 0 { // both begin at once
		w.begin(t, 0)
		w.begin(t, 1)
	}
	return w
}

func (w *network) begin(t *testing.T, i int) {
	from := w.ends[i]
	from.sessions = slices.Insert(from.sessions, 0, from.Initiate(t, w.ends[1-i].Party))
}

func (w *network) step(t *testing.T) {
	i := w.rng.IntN(2)
	from, to := w.ends[i], w.ends[1-i]
	switch n := w.rng.IntN(20); {
	case n == 0 || len(from.sessions) == 0:
		w.begin(t, i)
	case n < 10:
		w.sent++
		m := letter{text: fmt.Sprint("letter ", w.sent)}
		m.wire, m.kex = from.sessions[0].Encrypt(t, m.text)
		to.queue = append(to.queue, m)
	case n < 16 && len(to.queue) > 0:
		w.deliver(t, to)
	case n == 16 && len(to.queue) > 0: // lost
		k := w.rng.IntN(len(to.queue))
		to.queue = slices.Delete(to.queue, k, k+1)
	case n == 17 && len(to.seen) > 0: // repeated
		w.repeated++
		m := to.seen[w.rng.IntN(len(to.seen))]
		_, err := to.receive(t, m)
		require.Error(t, err, "%q was read twice", m.text)
	case n == 18 && len(to.queue) > 0: // forged
		m := to.queue[w.rng.IntN(len(to.queue))]
		m.wire = slices.Clone(m.wire)
		m.wire[len(m.wire)-1-w.rng.IntN(8)] ^= 1 << w.rng.IntN(8)
		text, err := to.receive(t, m)
		// In a key exchange of 0.3 the ids stand at the end, unauthenticated.
		require.True(t, err != nil || m.kex && text == m.text)
		if err == nil {
			w.forget(to, m)
		}
	}
}

func (w *network) deliver(t *testing.T, to *end) {
	k := w.rng.IntN(len(to.queue))
	m := to.queue[k]
	to.queue = slices.Delete(to.queue, k, k+1)
	current := slices.Clone(to.sessions)
	text, err := to.receive(t, m)
	require.NoError(t, err, "%q", m.text)
	require.Equal(t, m.text, text)
	to.seen = append(to.seen, m)
	w.read++
	if len(current) == len(to.sessions) && len(current) > 1 && current[0] != to.sessions[0] {
		w.archived++
	}
}

// forget takes a letter that was read in another form out of the queue.
func (w *network) forget(to *end, m letter) {
	for k := range to.queue {
		if to.queue[k].text == m.text {
			to.seen = append(to.seen, to.queue[k])
			to.queue = slices.Delete(to.queue, k, k+1)
			return
		}
	}
}

func (w *network) deliverAll(t *testing.T) {
	for _, to := range w.ends {
		for len(to.queue) > 0 {
			w.deliver(t, to)
		}
	}
}

// receive reads a message as an application does. The session that could becomes
// the current one.
func (d *end) receive(t *testing.T, m letter) (string, error) {
	t.Helper()
	candidates := slices.Clone(d.sessions)
	if m.kex {
		header, err := d.Engine.ParseKeyExchange(d.Profile, m.wire)
		if err != nil {
			return "", err
		}
		candidates = slices.DeleteFunc(candidates, func(s *Session) bool {
			same, err := d.Engine.Matches(s.State, header)
			require.NoError(t, err)
			return !same
		})
		require.LessOrEqual(t, len(candidates), 1, "two sessions of one key exchange")
		if len(candidates) == 0 {
			state, plain, err := d.Engine.Accept(d.Profile, d.Identity, d.Signed, d.OneTime, m.wire)
			if err != nil {
				require.NotErrorIs(t, err, engine.ErrEngine)
				return "", err
			}
			d.sessions = slices.Insert(d.sessions, 0, &Session{d.Party, state})
			return string(plain), nil
		}
	}
	var failed []error
	var by *Session
	var text string
	for _, s := range candidates {
		plain, err := s.try(t, m.wire)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		require.Nil(t, by, "two sessions read one message")
		by, text = s, plain
	}
	if by == nil {
		return "", errors.Join(failed...)
	}
	at := slices.Index(d.sessions, by)
	d.sessions = slices.Insert(slices.Delete(d.sessions, at, at+1), 0, by)
	return text, nil
}
