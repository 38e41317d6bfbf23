// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

func TestConfig(t *testing.T) {
	s := newScript(t, true)
	good := Config{JID: jid.MustParse(full), Dialer: s.dialer(), Auth: &credentials{}}
	made, err := New(good)
	require.NoError(t, err)
	require.Equal(t, account, made.cfg.JID.String())
	for name, change := range map[string]func(*Config){
		"no account":  func(c *Config) { c.JID = jid.MustParse(domain) },
		"no dialer":   func(c *Config) { c.Dialer = nil },
		"no auth":     func(c *Config) { c.Auth = nil },
		"no resource": func(c *Config) { c.Resource = "\x00" },
	} {
		bad := good
		change(&bad)
		_, err := New(bad)
		require.ErrorIs(t, err, ErrConfig, name)
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{Min: time.Second, Max: time.Minute}.withDefaults()
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		lowest, highest := b.wait(n), b.wait(n)
		for range 1000 {
			d := b.wait(n)
			lowest, highest = min(lowest, d), max(highest, d)
		}
		want *= time.Second
		require.GreaterOrEqual(t, lowest, want/2)
		require.LessOrEqual(t, highest, want)
		require.NotEqual(t, lowest, highest, "no jitter")
	}
	require.LessOrEqual(t, b.wait(1000), b.Max)
	require.LessOrEqual(t, Backoff{Min: 1 << 62, Max: 1 << 62}.wait(2), time.Duration(1<<62))
}

// The waits grow while nothing works, and start anew after something did.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := idleRig(t, true)
		r.setRefuse(true)
		r.start()
		begun := time.Now()
		var waits []time.Duration
		for range 10 {
			last := time.Now()
			r.want(Offline)
			waits = append(waits, time.Since(last))
		}
		require.Greater(t, time.Since(begun), 2*time.Minute)
		require.Greater(t, waits[9], 29*time.Second)
		r.setRefuse(false)
		p := r.accept().ready("s1")
		r.want(Online)
		time.Sleep(31 * time.Second)
		p.cut()
		r.want(Offline)
		last := time.Now()
		p = r.accept()
		require.LessOrEqual(t, time.Since(last), time.Second)
		p.resumed("s1", 0)
		p.cut() // not stable
		last = time.Now()
		r.accept()
		require.Greater(t, time.Since(last), 900*time.Millisecond)
	})
}

func TestNetworkChanged(t *testing.T) {
	bubble(t, func(r *rig) {
		for range 8 {
			r.accept().cut()
			r.want(Offline)
		}
		synctest.Wait()
		begun := time.Now()
		r.s.NetworkChanged() // waiting
		p := r.accept()
		require.Zero(t, time.Since(begun))
		p.open(mechanisms)
		p.expect(nsSASL, "auth")
		r.s.NetworkChanged() // connecting
		p.gone()
		require.ErrorIs(t, r.want(Offline).Err, ErrNetworkChanged)
		p = r.accept()
		require.Zero(t, time.Since(begun))
		p.ready("s1")
		r.want(Online)
		r.s.NetworkChanged() // connected
		p.expect(nsSM, "r")
		require.Zero(t, time.Since(begun))
	})
}

func TestForegroundWhileWaiting(t *testing.T) {
	bubble(t, func(r *rig) {
		for range 8 {
			r.accept().cut()
			r.want(Offline)
		}
		synctest.Wait()
		begun := time.Now()
		r.s.Foreground(false)
		r.s.Foreground(true)
		r.accept()
		require.Zero(t, time.Since(begun))
	})
}

func TestRunOnce(t *testing.T) {
	bubble(t, func(r *rig) {
		r.online("s1")
		require.ErrorIs(t, r.s.Run(context.Background()), ErrRunning)
		r.stop()
		require.ErrorIs(t, r.result(), context.Canceled)
		require.ErrorIs(t, r.s.Run(context.Background()), ErrRunning)
		require.ErrorIs(t, r.s.Send(context.Background(), message("1")), ErrClosed)
		_, err := r.s.Next(context.Background(), nil)
		require.ErrorIs(t, err, ErrClosed)
	})
}

// Run ends without a word to the server: the session can be resumed.
func TestContextEnds(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		r.stop()
		p.gone()
		require.Empty(t, p.feed)
		require.ErrorIs(t, r.result(), context.Canceled)
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.message("in")
		r.s.Handled(r.wantBody("in").Count)
		r.send("1")
		closed := make(chan error)
		go func() { closed <- r.s.Close(context.Background()) }()
		p.expectBodies("1")
		p.silentBut("r")
		require.ErrorIs(t, r.s.Send(context.Background(), message("2")), ErrClosed)
		p.ack(1)
		p.expectAck("1")
		<-p.closedStream()
		p.write("</stream:stream>")
		require.NoError(t, <-closed)
		require.NoError(t, r.result())
		require.EqualValues(t, 1, r.want(Acked).Acked)
		_, err := r.s.Next(context.Background(), nil)
		require.ErrorIs(t, err, ErrClosed)
		require.NoError(t, r.s.Close(context.Background()))
	})
}

// silentBut passes over elements of that name, and checks that there are no
// others.
func (p *peer) silentBut(local string) {
	p.t.Helper()
	for {
		synctest.Wait()
		select {
		case e := <-p.feed:
			require.Equal(p.t, local, e.Name.Local)
		default:
			return
		}
	}
}

// closedStream is closed after the client's end tag.
func (p *peer) closedStream() <-chan struct{} { return p.ended }

// A server that does not answer does not keep Close from returning.
func TestCloseWithSilentServer(t *testing.T) {
	bubble(t, func(r *rig) {
		r.online("s1")
		r.send("1")
		begun := time.Now()
		require.ErrorIs(t, r.s.Close(context.Background()), ErrTimeout)
		require.LessOrEqual(t, time.Since(begun), drainTime+goodbyeTime)
		require.NoError(t, r.result())
	})
	bubble(t, func(r *rig) {
		r.online("s1")
		r.send("1")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begun := time.Now()
		require.ErrorIs(t, r.s.Close(ctx), context.DeadlineExceeded)
		require.LessOrEqual(t, time.Since(begun), time.Second)
	})
	bubble(t, func(r *rig) { // nothing to close
		begun := time.Now()
		r.accept().pumpRaw()
		require.NoError(t, r.s.Close(context.Background()))
		require.Zero(t, time.Since(begun))
		require.NoError(t, r.result())
	})
	s := newScript(t, true)
	unused, err := New(Config{JID: jid.MustParse(full), Dialer: s.dialer(), Auth: &credentials{}})
	require.NoError(t, err)
	require.NoError(t, unused.Close(context.Background()))
	require.ErrorIs(t, unused.Run(context.Background()), ErrClosed)
	_, err = unused.Next(context.Background(), nil)
	require.ErrorIs(t, err, ErrClosed)
}

func TestDetach(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.message("in")
		r.s.Handled(r.wantBody("in").Count)
		r.send("1")
		require.NoError(t, r.s.Detach(context.Background()))
		require.NoError(t, r.result())
		p.expectBodies("1")
		p.expectAck("1")
		<-p.closed
		select {
		case <-p.ended:
			require.Fail(t, "the stream was ended")
		default:
		}
		require.Empty(t, p.feed)
	})
}

// Nothing is left behind: synctest fails a test whose goroutines remain.
func TestStorm(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		go func() {
			for {
				if _, err := r.s.Next(context.Background(), make([]Item, 0, 10)); err != nil {
					return
				}
			}
		}()
		for i := range 50 {
			_ = r.s.Send(context.Background(), element.New(element.NSClient, "presence"))
			p.cut()
			p = r.accept()
			switch i % 3 {
			case 0:
				p.signIn(bindSM)
				p.expect(nsSM, "resume")
			case 1:
				p.open(mechanisms)
			case 2:
				p.pumpRaw()
			}
		}
	})
}

// A request for a session that got no answer may still be carried out, so the
// next one waits.
func TestUnansweredResumptionDelaysTheNext(t *testing.T) {
	bubble(t, func(r *rig) {
		r.online("s1").cut()
		r.want(Offline)
		p := r.accept()
		p.signIn(bindSM)
		p.expect(nsSM, "resume")
		p.cut()
		r.want(Offline)
		begun := time.Now()
		r.s.NetworkChanged()
		p = r.accept()
		require.Equal(t, ghostWait, time.Since(begun))
		require.Equal(t, "0", p.resumed("s1", 0))
		r.want(Online)

		p.write(streamError("conflict")) // the ghost takes over
		r.want(Offline)
		p = r.accept()
		p.resumed("s1", 0)
		r.want(Online)
		time.Sleep(ghostLife)
		p.write(" " + streamError("conflict")) // somebody else does
		var se *StreamError
		require.ErrorAs(t, r.result(), &se)
	}, func(c *Config) {
		c.Backoff = Backoff{Min: time.Millisecond, Max: time.Millisecond}
		c.Keepalive.Interval, c.Keepalive.Probe, c.Keepalive.Timeout = time.Hour, time.Hour, time.Hour
	})
}

// The process before may have died with a request for the session on its way,
// which then takes the place of ours. That is not somebody else.
func TestGhostOfAnotherProcess(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.accept()
		require.Equal(t, "7", p.resumed("s1", 3))
		r.want(Online)
		p.write(streamError("conflict"))
		r.want(Offline)
		p = r.accept()
		p.resumed("s1", 3)
		require.True(t, r.want(Online).Online.Resumed)
		time.Sleep(ghostLife)
		p.write(" " + streamError("conflict"))
		var se *StreamError
		require.ErrorAs(t, r.result(), &se)
	}, func(c *Config) {
		c.Resume = &Resume{ID: "s1", JID: jid.MustParse(full), Handled: 7}
		c.Backoff = Backoff{Min: time.Millisecond, Max: time.Millisecond}
		c.Keepalive.Interval, c.Keepalive.Probe, c.Keepalive.Timeout = time.Hour, time.Hour, time.Hour
	})
}
