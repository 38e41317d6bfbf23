// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

func TestSendDurable(t *testing.T) {
	ctx := context.Background()
	bubble(t, func(r *rig) {
		called := false
		prepare := func(Position) ([][]byte, error) { called = true; return nil, nil }
		require.ErrorIs(t, r.s.SendDurable(ctx, prepare), ErrNotConnected)
		p := r.online("s1")
		r.send("1")
		broken := errors.New("database full")
		require.ErrorIs(t, r.s.SendDurable(ctx, func(Position) ([][]byte, error) {
			return [][]byte{[]byte("<message/>")}, broken
		}), broken)

		preparing, commit := make(chan Position), make(chan struct{})
		sent := make(chan error, 2)
		go func() {
			sent <- r.s.SendDurable(ctx, func(at Position) ([][]byte, error) {
				preparing <- at
				<-commit
				return [][]byte{message("2").Bytes(), message("3").Bytes()}, nil
			})
		}()
		require.Equal(t, Position{ID: "s1", Next: 2}, <-preparing)
		go func() { sent <- r.s.Send(ctx, message("4")) }()
		p.expectBodies("1")
		p.expect(nsSM, "r")
		p.silent()
		close(commit)
		require.NoError(t, <-sent)
		require.NoError(t, <-sent)
		p.expectBodies("2", "3", "4")
		require.False(t, called)
	})
}

// A session is not replaced while stanzas are being prepared for it.
func TestSendDurableHoldsTheSession(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		commit, sent := make(chan struct{}), make(chan error)
		go func() {
			sent <- r.s.SendDurable(context.Background(), func(Position) ([][]byte, error) {
				<-commit
				return [][]byte{message("1").Bytes()}, nil
			})
		}()
		time.Sleep(time.Millisecond) // of synctest: prepare has begun
		p.cut()
		r.want(Offline)
		p = r.accept()
		p.refused("", "s2")
		r.nothing()
		close(commit)
		require.NoError(t, <-sent)
		require.Equal(t, "s2", r.want(Online).Online.ID)
		require.NoError(t, r.s.SendDurable(context.Background(), func(at Position) ([][]byte, error) {
			require.Equal(t, Position{ID: "s2", Next: 1}, at)
			return [][]byte{message("2").Bytes()}, nil
		}))
		p.expectBodies("2") // and not "1", which is of another session
	})
}

func TestBusy(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		r.send("1")
		r.send("2")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := r.s.Send(ctx, message("3"))
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		waited := make(chan error)
		go func() { waited <- r.s.Send(context.Background(), message("3")) }()
		p.expectBodies("1", "2")
		p.ack(1)
		require.NoError(t, <-waited)
		p.expectBodies("3")

		go func() { waited <- r.s.Send(context.Background(), message("4")) }()
		p.cut()
		require.ErrorIs(t, <-waited, ErrNotConnected)
	}, func(c *Config) { c.Limits.Unacked = 2 })
}

// Without stream management there are no counts, and nothing is resumed.
func TestWithoutStreamManagement(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.accept().ready("")
		o := r.want(Online).Online
		require.False(t, o.SM)
		require.False(t, o.Resumable)
		require.NotEmpty(t, o.ID)
		r.send("1")
		p.expectBodies("1")
		p.message("in")
		p.ask() // nonsense, then
		p.ack(1)
		require.EqualValues(t, 0, r.wantBody("in").Count)
		r.s.Handled(1)
		answer := make(chan error, 1)
		go func() {
			_, err := r.s.IQ(context.Background(), "get", jid.JID{}, element.New("x", "y"))
			answer <- err
		}()
		p.expect(element.NSClient, "iq")
		p.cut()
		require.ErrorIs(t, <-answer, ErrSessionLost)
		r.want(Offline)
		r.accept().ready("")
		other := r.want(Online).Online
		require.False(t, other.Resumed)
		require.NotEqual(t, o.ID, other.ID)
	})
}

func TestEnableRefused(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.accept()
		p.signIn(bindSM)
		p.bound()
		p.expect(nsSM, "enable")
		p.write(`<failed xmlns='urn:xmpp:sm:3'/>`)
		p.pump()
		require.False(t, r.want(Online).Online.SM)
	})
}
