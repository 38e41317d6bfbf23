// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
)

// Whichever call of the store fails, its error comes out as it is and never
// looks like a fault of the message: the caller must not acknowledge it then.
func TestStoreErrorsComeThrough(t *testing.T) { everywhere(t, testStoreErrorsComeThrough) }

func testStoreErrorsComeThrough(t *testing.T) {
	broken := errors.New("disk full")
	w := newWorld(t)
	w.limits.PreKeys = 4
	a, b := w.client(alice), w.client(bob)
	w.client(alice)
	w.sync()
	b.read(a, a.send("first", bob))
	a.read(b, b.send("answer", alice))
	for _, c := range []struct {
		name string
		min  int // calls the operation makes at least
		run  func(ctx context.Context, c client) error
	}{
		{"Setup", 12, func(ctx context.Context, c client) error {
			c.st = emptyStore()
			return c.failing(ctx, broken, func() error { _, err := c.Setup(ctx, c.st); return err })
		}},
		{"OwnBundle", 3, func(ctx context.Context, c client) error {
			return c.failing(ctx, broken, func() error { _, err := c.OwnBundle(ctx, c.st); return err })
		}},
		{"Maintain", 5, func(ctx context.Context, c client) error {
			require.NoError(t, c.st.MarkPreKeyUsed(ctx, b.bundle().PreKeys[0].ID))
			return c.failing(ctx, broken, func() error { _, err := c.Maintain(ctx, c.st); return err })
		}},
		{"UpdateDevices", 3, func(ctx context.Context, c client) error {
			return c.failing(ctx, broken, func() error {
				_, err := c.UpdateDevices(ctx, c.st, alice, listed(1))
				return err
			})
		}},
		{"Devices", 2, func(ctx context.Context, c client) error {
			return c.failing(ctx, broken, func() error { _, err := c.Devices(ctx, c.st, alice); return err })
		}},
		{"SetTrust", 1, func(ctx context.Context, c client) error {
			return c.failing(ctx, broken, func() error {
				return c.SetTrust(ctx, c.st, alice, a.bundle().Identity, trust.Verified)
			})
		}},
		{"ForgetDevice", 2, func(ctx context.Context, c client) error {
			return c.failing(ctx, broken, func() error { return c.ForgetDevice(ctx, c.st, a.addr()) })
		}},
		{"MissingSessions", 4, func(ctx context.Context, c client) error {
			return c.failing(ctx, broken, func() error {
				_, err := c.MissingSessions(ctx, c.st, []string{alice})
				return err
			})
		}},
		{"AddBundle", 6, func(ctx context.Context, c client) error {
			return c.failing(ctx, broken, func() error {
				a := a.addr()
				a.Device = 4711
				return c.AddBundle(ctx, c.st, a, bundleOf(w, alice))
			})
		}},
		{"Encrypt", 6, func(ctx context.Context, c client) error {
			return c.failing(ctx, broken, func() error {
				_, _, err := c.Encrypt(ctx, c.st, []byte("x"), []string{alice})
				return err
			})
		}},
		{"EncryptEmpty", 6, func(ctx context.Context, c client) error {
			return c.failing(ctx, broken, func() error { _, err := c.EncryptEmpty(ctx, c.st, a.addr()); return err })
		}},
		{"Decrypt a message", 6, func(ctx context.Context, c client) error {
			late := a.send("late", bob)
			require.NoError(t, c.AddBundle(ctx, c.st, a.addr(), a.bundle())) // so that one is promoted
			return c.failing(ctx, broken, func() error { _, err := c.Decrypt(ctx, c.st, alice, late); return err })
		}},
		{"Decrypt a key exchange", 11, func(ctx context.Context, c client) error {
			require.NoError(t, c.ForgetDevice(ctx, c.st, a.addr()))
			require.NoError(t, a.AddBundle(ctx, a.st, b.addr(), b.bundle()))
			fresh := a.send("fresh", bob)
			require.True(t, fresh.Keys[0].PreKey)
			return c.failing(ctx, broken, func() error { _, err := c.Decrypt(ctx, c.st, alice, fresh); return err })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for n := 0; ; n++ {
				require.Less(t, n, 10_000)
				try := *b
				try.st = b.st.Clone()
				ctx := context.WithValue(b.ctx, callsKey{}, n)
				err := c.run(ctx, try)
				if err == nil {
					require.GreaterOrEqual(t, n, c.min, "the operation made fewer calls than expected")
					break
				}
				require.ErrorIs(t, err, broken, "call %d", n)
				var failed *omemo.DecryptError
				require.False(t, errors.As(err, &failed), "call %d", n)
				var ask *omemo.DecisionError
				require.False(t, errors.As(err, &ask), "call %d", n)
			}
		})
	}
}

type callsKey struct{}

// failing runs fn with a store that fails after as many calls as ctx says.
func (c client) failing(ctx context.Context, err error, fn func() error) error {
	n, ok := ctx.Value(callsKey{}).(int)
	if !ok {
		return fmt.Errorf("no count of calls")
	}
	c.st.Fail(n, err)
	return fn()
}

func bundleOf(w *world, jid string) omemo.PublishedBundle {
	for _, c := range w.all[1:] {
		if c.jid == jid {
			return c.bundle()
		}
	}
	w.t.Fatal("no such client")
	return omemo.PublishedBundle{}
}

func TestEndedContext(t *testing.T) { everywhere(t, testEndedContext) }

func testEndedContext(t *testing.T) {
	_, a, b := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	env := a.send("x", bob)
	_, err := b.Decrypt(ctx, b.st, alice, env)
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = a.Encrypt(ctx, a.st, nil, []string{bob})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "x", b.read(a, env))
}

// One manager, several stores, several goroutines.
func TestConcurrentUse(t *testing.T) { everywhere(t, testConcurrentUse) }

func testConcurrentUse(t *testing.T) {
	_, a, b := pair(t)
	env := a.send("x", bob)
	var group sync.WaitGroup
	errs := make(chan error, 64)
	for range 8 {
		sa, sb := a.st.Clone(), b.st.Clone()
		group.Go(func() {
			for range 4 {
				_, _, err := a.Encrypt(a.ctx, sa, []byte("y"), []string{bob})
				errs <- err
			}
			_, err := b.Decrypt(b.ctx, sb, alice, env)
			errs <- err
			_, err = a.UpdateDevices(a.ctx, sa, alice, nil)
			errs <- err
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}
