// SPDX-License-Identifier: MPL-2.0

package ratchet_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
	"github.com/confab-im/confab/crypto/libsignal"
	"github.com/confab-im/confab/crypto/ratchet"
)

// classes are the answers to a message.
var classes = []error{
	engine.ErrBadMAC, engine.ErrDuplicate, engine.ErrMalformed, engine.ErrNoOneTimePreKey,
	engine.ErrTooManySkipped, engine.ErrBadKey, engine.ErrBadState, engine.ErrTooLong,
	engine.ErrUnsupported, engine.ErrEngine,
}

func classOf(err error) error {
	for _, c := range classes {
		if errors.Is(err, c) {
			return c
		}
	}
	return err
}

// FuzzDifferential drives one session in both engines with the same messages,
// as they were sent, out of order, damaged or forged, and compares answers, plain
// texts and what is kept of the chains. The data is a program, see step.
func FuzzDifferential(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 2, 1, 0, 2, 3, 0, 2, 2})
	f.Add([]byte{0, 0, 1, 0, 2, 4, 10, 1, 5, 6, 3, 0, 2})
	f.Add([]byte{0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 2, 2, 2, 2, 2})
	f.Add([]byte{1, 0, 8, 4, 16, 0, 0, 0, 0, 0, 8, 17, 16, 0, 0, 9, 1, 0, 8, 4, 16, 3, 9, 0, 0, 0})
	f.Add([]byte(strings.Repeat("\x00\x04\x09\x21", 40)))
	f.Add([]byte(strings.Repeat("\x00\x00\x03\x02\x01\x07\x05", 30)))
	f.Fuzz(func(t *testing.T, program []byte) {
		d := newDifferential(t)
		for len(program) > 0 && d.steps < 60 {
			program = d.step(t, program)
			d.steps++
		}
	})
}

// TestDifferential runs some random programs.
func TestDifferential(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	accepted := 0
	for range 20 {
		d := newDifferential(t)
		program := make([]byte, 200)
		for i := range program {
			program[i] = byte(rng.Uint32())
		}
		for len(program) > 0 {
			program = d.step(t, program)
		}
		accepted += d.accepted
	}
	require.Greater(t, accepted, 50)
}

// differential is a receiver in both engines and the sender it talks to.
type differential struct {
	own, other      engine.Engine
	alice           *enginetest.Session
	party           *enginetest.Party // the receiver's keys
	ownBob, libBob  engine.State
	wires           [][]byte
	steps, accepted int
	next            byte
}

// differentialKeys are made once: a program should find the same on every run,
// and quickly.
var differentialKeys struct {
	once         sync.Once
	alice, party *enginetest.Party
	state        engine.State
}

func newDifferential(t testing.TB) *differential {
	d := &differential{own: ratchet.New(), other: libsignal.New()}
	keys := &differentialKeys
	keys.once.Do(func() {
		keys.alice, keys.party = enginetest.NewParty(t, d.own, p03, 1001), enginetest.NewParty(t, d.other, p03, 2002)
		keys.state = keys.alice.Initiate(t, keys.party).State
	})
	d.party, d.alice = keys.party, &enginetest.Session{Party: keys.alice, State: keys.state}
	d.send(t, 3)
	return d
}

func (d *differential) send(t testing.TB, n int) {
	for range n {
		d.next++
		wire, _ := d.alice.Encrypt(t, string([]byte{d.next, d.next}))
		d.wires = append(d.wires, wire)
	}
}

// step takes an instruction off the program and follows it.
func (d *differential) step(t testing.TB, program []byte) []byte {
	take := func() byte {
		if len(program) == 0 {
			return 0
		}
		b := program[0]
		program = program[1:]
		return b
	}
	pick := func() []byte { return bytes.Clone(d.wires[len(d.wires)-1-int(take())%len(d.wires)]) }
	switch op := take(); op % 9 {
	case 0:
		d.send(t, 1+int(op>>3)%8)
	case 1, 2:
		d.receive(t, pick())
	case 3:
		d.turn(t)
	case 4, 5: // a bit
		wire := pick()
		wire[int(take())%len(wire)] ^= 1 << (take() % 8)
		d.receive(t, wire)
	case 6: // a byte put in, taken away or changed
		wire := pick()
		at := int(take()) % len(wire)
		switch b := take(); b % 3 {
		case 0:
			wire = slices.Insert(wire, at, take())
		case 1:
			wire = slices.Delete(wire, at, at+1)
		case 2:
			wire[at] = take()
		}
		d.receive(t, wire)
	case 7: // cut off, or two put together
		wire := pick()
		wire = wire[:int(take())%(len(wire)+1)]
		if op>>3 == 1 {
			wire = append(wire, pick()...)
		}
		d.receive(t, wire)
	case 8: // an authentic message such as no engine sends
		blocks := bytes.Repeat([]byte{take()}, int(take())%50)
		f := ratchet.Forgery{Ahead: uint32(take()) * uint32(take()) % 1100, PreviousLen: uint32(take()) << (take() % 32), Blocks: blocks}
		if tail := take(); tail != 0 {
			f.Covered = func(b []byte) []byte { return append(b, tail) }
		}
		wire, err := ratchet.Forge(d.alice.State, f)
		if err != nil {
			t.Fatal(err)
		}
		d.receive(t, wire)
	}
	return program
}

// receive gives one message to both.
func (d *differential) receive(t testing.TB, wire []byte) {
	t.Helper()
	var own, other result
	if d.libBob == nil {
		b := d.party
		own = resultOf(d.own.Accept(p03, b.Identity, b.Signed, b.OneTime, wire))
		other = resultOf(d.other.Accept(p03, b.Identity, b.Signed, b.OneTime, wire))
		_, err := d.own.ParseKeyExchange(p03, wire)
		_, otherErr := d.other.ParseKeyExchange(p03, wire)
		if classOf(err) != classOf(otherErr) {
			t.Fatalf("key exchange %x: %v, not %v", wire, err, otherErr)
		}
	} else {
		own = resultOf(d.own.Decrypt(d.ownBob, wire))
		other = resultOf(d.other.Decrypt(d.libBob, wire))
	}
	if own.class != other.class || !bytes.Equal(own.plain, other.plain) {
		t.Fatalf("message %x: %v %q, not %v %q", wire, own.err, own.plain, other.err, other.plain)
	}
	if own.err != nil {
		return
	}
	d.accepted++
	d.ownBob, d.libBob = own.state, other.state
	d.compare(t)
}

type result struct {
	state engine.State
	plain []byte
	err   error
	class error
}

func resultOf(s engine.State, plain []byte, err error) result {
	return result{s, plain, err, classOf(err)}
}

// compare compares what both keep: identities, counters, chains and the keys of
// skipped messages. The own sending chain is random in each.
func (d *differential) compare(t testing.TB) {
	t.Helper()
	own, err := ratchet.Export(d.ownBob)
	if err != nil {
		t.Fatal(err)
	}
	other, err := engine.ParseSession(d.libBob)
	if err != nil {
		t.Fatal(err)
	}
	// Chains that only the own engine keeps, for their skipped keys, are dropped.
	if exported, err := ratchet.Import(own); err != nil {
		t.Fatal(err)
	} else if len(own.Receivers) == engine.MaxReceivers {
		d.ownBob = exported
	}
	for _, s := range []*engine.Session{&own, &other} {
		s.RootKey, s.Sender = [32]byte{}, engine.SenderChain{Public: engine.PublicKey{9}, Index: s.Sender.Index}
		for i := range s.Receivers {
			slices.SortFunc(s.Receivers[i].Skipped, func(a, b engine.SkippedKey) int { return int(a.Index) - int(b.Index) })
		}
	}
	if !equalSessions(own, other) {
		t.Fatalf("the engines keep different things: %d and %d chains, previous %d and %d",
			len(own.Receivers), len(other.Receivers), own.PreviousCounter, other.PreviousCounter)
	}
}

// turn lets the receiver answer from the other engine, and the sender go on with
// a new chain. The own session is taken over from the other one again, whose
// sending key is the one the answer told.
func (d *differential) turn(t testing.TB) {
	if d.libBob == nil {
		return
	}
	next, wire, _, err := d.other.Encrypt(d.libBob, []byte("answer"))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.alice.Decrypt(t, wire); got != "answer" {
		t.Fatalf("the answer reads %q", got)
	}
	d.libBob, d.ownBob = next, next
	d.send(t, 1)
}
