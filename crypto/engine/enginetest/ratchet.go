// SPDX-License-Identifier: MPL-2.0

package enginetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

func bothDirections(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	for round := range 20 {
		for n := range round % 4 {
			text := fmt.Sprintf("a %d %d", round, n)
			wire, kex := alice.Encrypt(t, text)
			require.False(t, kex)
			require.Equal(t, text, bob.Decrypt(t, wire))
		}
		for n := range (round + 1) % 3 {
			text := fmt.Sprintf("b %d %d", round, n)
			wire, kex := bob.Encrypt(t, text)
			require.False(t, kex)
			require.Equal(t, text, alice.Decrypt(t, wire))
		}
	}
}

func sizes(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 33, 48, 255, engine.MaxPlaintext - 1, engine.MaxPlaintext} {
		text := strings.Repeat("\x10", n) // looks like padding
		wire, _ := alice.Encrypt(t, text)
		require.LessOrEqual(t, len(wire), engine.MaxWire)
		require.Equal(t, text, bob.Decrypt(t, wire), "%d bytes", n)
	}
	_, _, _, err := e.Encrypt(alice.State, make([]byte, engine.MaxPlaintext+1))
	require.ErrorIs(t, err, engine.ErrTooLong)
	for _, wire := range [][]byte{nil, {}, {0}, make([]byte, engine.MaxWire+1), make([]byte, 1<<20)} {
		bob.Refuse(t, wire, engine.ErrMalformed)
		_, err := e.ParseKeyExchange(p, wire)
		require.ErrorIs(t, err, engine.ErrMalformed)
	}
	// The largest key exchange fits too.
	a, b := NewParty(t, e, p, maxDeviceID), NewParty(t, e, p, 2)
	text := strings.Repeat("k", engine.MaxPlaintext)
	wire, kex := a.Initiate(t, b).Encrypt(t, text)
	require.True(t, kex)
	require.LessOrEqual(t, len(wire), engine.MaxWire)
	_, plain := b.Accept(t, wire)
	require.Equal(t, text, plain)
}

const maxDeviceID = 1<<31 - 1

func outOfOrder(t *testing.T, e engine.Engine, p engine.Profile) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 1))
		alice, bob := Pair(t, e, p)
		type sent struct {
			text string
			wire []byte
		}
		var toBob, toAlice []sent
		deliver := func(to *Session, queue *[]sent) {
			i := rng.IntN(len(*queue))
			m := (*queue)[i]
			*queue = append((*queue)[:i], (*queue)[i+1:]...)
			require.Equal(t, m.text, to.Decrypt(t, m.wire), "seed %d", seed)
			to.Refuse(t, m.wire, engine.ErrDuplicate)
		}
		// Chains stay within what is kept: a message is at most a few turns late.
		for step := range 200 {
			switch rng.IntN(4) {
			case 0:
				m := sent{text: fmt.Sprint("a", step)}
				m.wire, _ = alice.Encrypt(t, m.text)
				toBob = append(toBob, m)
			case 1:
				m := sent{text: fmt.Sprint("b", step)}
				m.wire, _ = bob.Encrypt(t, m.text)
				toAlice = append(toAlice, m)
			case 2:
				if len(toBob) > 0 {
					deliver(bob, &toBob)
				}
			case 3:
				if len(toAlice) > 0 {
					deliver(alice, &toAlice)
				}
			}
			if step%12 == 11 {
				for len(toBob) > 0 {
					deliver(bob, &toBob)
				}
				for len(toAlice) > 0 {
					deliver(alice, &toAlice)
				}
			}
		}
	}
}

// The last messages of a chain arrive after the next chain has begun. Whatever
// the message count of the previous chain says, they must be readable.
func oldChains(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	for turn := range 3 {
		first, _ := alice.Encrypt(t, "first")
		second, _ := alice.Encrypt(t, "second")
		last, _ := alice.Encrypt(t, "last")
		require.Equal(t, "first", bob.Decrypt(t, first))
		back, _ := bob.Encrypt(t, "back")
		require.Equal(t, "back", alice.Decrypt(t, back))
		next, _ := alice.Encrypt(t, "next chain")
		require.Equal(t, "next chain", bob.Decrypt(t, next), "turn %d", turn)
		require.Equal(t, "last", bob.Decrypt(t, last))
		require.Equal(t, "second", bob.Decrypt(t, second))
		bob.Refuse(t, last, engine.ErrDuplicate)
	}
}

func loss(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	for round := range 10 {
		for range 5 {
			alice.Encrypt(t, "lost")
		}
		wire, _ := alice.Encrypt(t, fmt.Sprint(round))
		require.Equal(t, fmt.Sprint(round), bob.Decrypt(t, wire))
		bob.Encrypt(t, "lost")
		wire, _ = bob.Encrypt(t, "answer")
		require.Equal(t, "answer", alice.Decrypt(t, wire))
	}
	// A whole turn is lost.
	for range 3 {
		bob.Encrypt(t, "lost")
	}
	wire, _ := alice.Encrypt(t, "still here")
	require.Equal(t, "still here", bob.Decrypt(t, wire))
}

func duplicates(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	var wires [][]byte
	for n := range 5 {
		wire, _ := alice.Encrypt(t, fmt.Sprint(n))
		wires = append(wires, wire)
	}
	for _, n := range []int{4, 0, 2, 1, 3} {
		require.Equal(t, fmt.Sprint(n), bob.Decrypt(t, wires[n]))
		bob.Refuse(t, wires[n], engine.ErrDuplicate)
	}
	wire, _ := bob.Encrypt(t, "turn")
	alice.Decrypt(t, wire)
	next, _ := alice.Encrypt(t, "next")
	bob.Decrypt(t, next)
	for _, wire := range wires {
		bob.Refuse(t, wire, engine.ErrDuplicate)
	}
}

// Until she hears of Bob, all of Alice's messages are key exchanges.
func repeatedKeyExchange(t *testing.T, e engine.Engine, p engine.Profile) {
	a, b := NewParty(t, e, p, 1), NewParty(t, e, p, 2)
	alice := a.Initiate(t, b)
	var wires [][]byte
	for n := range 4 {
		wire, kex := alice.Encrypt(t, fmt.Sprint(n))
		require.True(t, kex)
		wires = append(wires, wire)
	}
	bob, plain := b.Accept(t, wires[2])
	require.Equal(t, "2", plain)
	header, err := e.ParseKeyExchange(p, wires[0])
	require.NoError(t, err)
	same, err := e.Matches(bob.State, header)
	require.NoError(t, err)
	require.True(t, same)
	for _, n := range []int{3, 0, 1} {
		require.Equal(t, fmt.Sprint(n), bob.Decrypt(t, wires[n]))
	}
	for _, wire := range wires {
		bob.Refuse(t, wire, engine.ErrDuplicate)
	}
	// Bob's messages are none, and end Alice's.
	back, kex := bob.Encrypt(t, "back")
	require.False(t, kex)
	require.Equal(t, "back", alice.Decrypt(t, back))
	wire, kex := alice.Encrypt(t, "plain")
	require.False(t, kex)
	require.Equal(t, "plain", bob.Decrypt(t, wire))

	// A key exchange of another session is not a message of this one.
	other, _ := a.Initiate(t, b).Encrypt(t, "other")
	bob.Refuse(t, other, engine.ErrBadMAC)
}

// Both start a session at once: each ends up with two that both work.
func simultaneous(t *testing.T, e engine.Engine, p engine.Profile) {
	a, b := NewParty(t, e, p, 1), NewParty(t, e, p, 2)
	aliceOwn, bobOwn := a.Initiate(t, b), b.Initiate(t, a)
	fromAlice, _ := aliceOwn.Encrypt(t, "from alice")
	fromBob, _ := bobOwn.Encrypt(t, "from bob")
	bobOther, plain := b.Accept(t, fromAlice)
	require.Equal(t, "from alice", plain)
	aliceOther, plain := a.Accept(t, fromBob)
	require.Equal(t, "from bob", plain)

	for _, pair := range [][2]*Session{{aliceOwn, bobOther}, {aliceOther, bobOwn}, {bobOwn, aliceOther}, {bobOther, aliceOwn}} {
		wire, _ := pair[0].Encrypt(t, "over")
		for _, wrong := range []*Session{aliceOwn, aliceOther, bobOwn, bobOther} {
			if wrong != pair[1] {
				wrong.Refuse(t, wire, engine.ErrBadMAC)
			}
		}
		require.Equal(t, "over", pair[1].Decrypt(t, wire))
	}
}

// A message for an older session is none for the current one, which is not
// touched by the attempt, and is still readable with the older one.
func archived(t *testing.T, e engine.Engine, p engine.Profile) {
	a, b := NewParty(t, e, p, 1), NewParty(t, e, p, 2)
	type pair struct{ a, b *Session }
	var pairs []pair
	var delayed [][]byte
	for n := range 3 {
		alice := a.Initiate(t, b)
		wire, _ := alice.Encrypt(t, "start")
		bob, _ := b.Accept(t, wire)
		back, _ := bob.Encrypt(t, "back")
		alice.Decrypt(t, back)
		late, _ := alice.Encrypt(t, fmt.Sprint("late ", n))
		pairs, delayed = append(pairs, pair{alice, bob}), append(delayed, late)
	}
	current := pairs[2]
	for n := range 2 {
		current.b.Refuse(t, delayed[n], engine.ErrBadMAC)
		require.Equal(t, fmt.Sprint("late ", n), pairs[n].b.Decrypt(t, delayed[n]))
	}
	require.Equal(t, "late 2", current.b.Decrypt(t, delayed[2]))
	wire, _ := current.b.Encrypt(t, "alive")
	require.Equal(t, "alive", current.a.Decrypt(t, wire))
}

func concurrent(t *testing.T, e engine.Engine, p engine.Profile) {
	alice, bob := Pair(t, e, p)
	wire, _ := alice.Encrypt(t, "shared")
	var group sync.WaitGroup
	errs := make(chan error, 16)
	for range 8 {
		group.Go(func() {
			_, plain, err := e.Decrypt(bob.State, wire)
			if err == nil && string(plain) != "shared" {
				err = fmt.Errorf("wrong plaintext")
			}
			errs <- err
			_, _, _, err = e.Encrypt(bob.State, []byte("x"))
			errs <- err
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}
