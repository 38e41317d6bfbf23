// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

// Cancelling the context of a Send must do nothing to the connection.
func TestTrap05_CancelledSend(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		ctx, cancel := context.WithCancel(context.Background())
		require.NoError(t, r.s.Send(ctx, message("1")))
		cancel()
		require.ErrorIs(t, r.s.Send(ctx, message("2")), context.Canceled)
		_, err := r.s.IQ(ctx, "get", r.s.cfg.JID, element.New("x", "y"))
		require.ErrorIs(t, err, context.Canceled)
		r.send("3")
		p.expectBodies("1", "3")
		r.nothing()
	})
}

// A request can be made, and answered, while a stanza is being handled.
func TestTrap07_RequestWhileHandling(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.message("1")
		r.wantBody("1")
		done := make(chan error)
		go func() {
			_, err := r.s.IQ(context.Background(), "get", r.s.cfg.JID, element.New("x", "y"))
			done <- err
		}()
		p.message("2")
		p.message("3") // before the answer
		p.write("<iq type='result' id='" + p.expect(element.NSClient, "iq").AttrValue("id") + "'/>")
		require.NoError(t, <-done)
	})
}

// What cannot be read is reported and counted, and does no harm.
func TestTrap08_MalformedStanza(t *testing.T) {
	for name, tc := range map[string]struct {
		in  string
		raw bool
		err error
	}{
		"prefix":     {"<message><x:y/></message>", true, element.ErrNamespace},
		"entity":     {"<message>&nbsp;</message>", true, element.ErrRestricted},
		"character":  {"<message>\x01</message>", true, element.ErrSyntax},
		"UTF-8":      {"<presence>\xff</presence>", true, element.ErrSyntax},
		"attributes": {"<iq type='get' type='set'/>", true, element.ErrSyntax},
		"large":      {"<message id='1'>" + strings.Repeat("x", 300<<10) + "</message>", false, framer.ErrLimit},
		"deep":       {"<message>" + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "</message>", false, framer.ErrLimit},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				p := r.online("s1")
				p.message("1")
				p.write(tc.in)
				p.message("3")
				r.wantBody("1")
				item := r.want(Malformed)
				require.EqualValues(t, 2, item.Count)
				require.ErrorIs(t, item.Err, tc.err)
				if tc.raw {
					require.Equal(t, tc.in, string(item.Raw))
				} else {
					require.Nil(t, item.Raw)
				}
				require.EqualValues(t, 3, r.wantBody("3").Count)
			})
		})
	}
}

// What leaves it open where a stanza ends, ends the stream, and the session,
// lest the same come again and again.
func TestBrokenFraming(t *testing.T) {
	for name, tc := range map[string]struct{ in, condition string }{
		"crossed":    {"<message><body></message></body>", "not-well-formed"},
		"garbage":    {"\x00\x01\x02", "not-well-formed"},
		"text":       {"hello", "not-well-formed"},
		"comment":    {"<!-- -->", "restricted-xml"},
		"entities":   {"<!DOCTYPE x [<!ENTITY a 'b'>]>", "restricted-xml"},
		"new stream": {"<stream:stream>", "not-well-formed"},
		"endless":    {"<message>" + strings.Repeat("<a>", 2<<20), "policy-violation"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				p := r.online("s1")
				_, _ = p.conn.Write([]byte(tc.in))
				e := p.expect(element.NSStream, "error")
				require.NotNil(t, e.Child(nsStreams, tc.condition))
				p.gone()
				require.ErrorIs(t, r.want(Offline).Err, ErrProtocol)
				r.accept().ready("s2")
				require.False(t, r.want(Online).Online.Resumed)
			})
		})
	}
}

// A stanza that breaks off is no stanza.
func TestTruncatedStanza(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.write("<message><body>half")
		p.cut()
		require.ErrorIs(t, r.want(Offline).Err, ErrEnded)
		p = r.accept()
		require.Equal(t, "0", p.resumed("s1", 0))
		r.want(Online)
		p.message("whole")
		require.EqualValues(t, 1, r.wantBody("whole").Count)
	})
}

func TestServerCloses(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.write("</stream:stream>")
		require.ErrorIs(t, r.want(Offline).Err, ErrEnded)
	})
}

// What is not a stanza is passed over.
func TestOtherElements(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.write("<stream:features/>\n<x xmlns='y'/> <foo/><message xmlns='other'/><enabled xmlns='urn:xmpp:sm:3'/>")
		p.message("1")
		require.EqualValues(t, 1, r.wantBody("1").Count)
	})
}

// Every stanza is decoded once: what Divert saw is what Next returns.
func TestTrap15_DecodedOnce(t *testing.T) {
	var seen *element.Element
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.write("<message><a/><b/><c/></message>")
		item := r.want(Stanza)
		require.Same(t, seen, item.Stanza)
		require.Equal(t, "<message><a/><b/><c/></message>", string(item.Raw))
		require.Len(t, item.Stanza.Children, 3)
	}, func(c *Config) {
		c.Divert = func(e *element.Element) bool { seen = e; return false }
	})
}

func TestDivert(t *testing.T) {
	var seen []string
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.message("divert")
		p.write("<presence/><iq type='get' id='1'/><iq type='result' id='2'/>")
		p.message("1")
		require.Equal(t, "presence", r.want(Stanza).Stanza.Name.Local)
		require.Equal(t, "iq", r.want(Stanza).Stanza.Name.Local)
		require.EqualValues(t, 5, r.wantBody("1").Count)
		require.Equal(t, []string{"message", "presence", "iq", "message"}, seen)
	}, func(c *Config) {
		c.Divert = func(e *element.Element) bool {
			seen = append(seen, e.Name.Local)
			return bodyOf(e) == "divert"
		}
	})
}

type guarded struct{}

func TestGuard(t *testing.T) {
	calls := 0
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, func(c *Config) {
			c.Guard = func(ctx context.Context) {
				if ctx.Value(guarded{}) != nil {
					calls++
				}
			}
		})
		ctx := context.WithValue(context.Background(), guarded{}, true)
		_ = r.s.Send(ctx, message("1"))
		_ = r.s.SendDurable(ctx, nil)
		_, _ = r.s.IQ(ctx, "get", r.s.cfg.JID, nil)
		require.Equal(t, 3, calls)
	})
}

// A dead connection is found out, and a slow one is not taken for it.
func TestKeepalive(t *testing.T) {
	t.Run("dead", func(t *testing.T) {
		bubble(t, func(r *rig) {
			p := r.online("s1")
			begun := time.Now()
			p.expect(nsSM, "r")
			require.Equal(t, time.Minute, time.Since(begun))
			p.gone()
			require.Equal(t, 90*time.Second, time.Since(begun))
			require.ErrorIs(t, r.want(Offline).Err, ErrTimeout)
			r.accept().resumed("s1", 0)
			require.True(t, r.want(Online).Online.Resumed)
		})
	})
	t.Run("alive", func(t *testing.T) {
		bubble(t, func(r *rig) {
			p := r.online("s1")
			for range 10 {
				p.expect(nsSM, "r")
				time.Sleep(29 * time.Second)
				p.ack(0)
			}
			r.nothing()
		})
	})
	t.Run("anything is a sign of life", func(t *testing.T) {
		bubble(t, func(r *rig) {
			p := r.online("s1")
			for range 10 {
				time.Sleep(50 * time.Second)
				p.write(" ")
			}
			p.silent()
		})
	})
	t.Run("without stream management", func(t *testing.T) {
		bubble(t, func(r *rig) {
			p := r.accept().ready("")
			r.want(Online)
			for range 3 {
				ping := p.expect(element.NSClient, "iq")
				require.NotNil(t, ping.Child(nsPing, "ping"))
				p.write("<iq type='error' id='" + ping.AttrValue("id") + "'/>")
			}
			p.expect(element.NSClient, "iq")
			require.ErrorIs(t, r.want(Offline).Err, ErrTimeout)
		})
	})
	t.Run("background", func(t *testing.T) {
		bubble(t, func(r *rig) {
			r.s.Foreground(false)
			p := r.online("s1")
			begun := time.Now()
			p.expect(nsSM, "r")
			require.Equal(t, 290*time.Second, time.Since(begun))
			p.ack(0)
			synctest.Wait()
			r.s.Foreground(true)
			begun = time.Now()
			p.expect(nsSM, "r")
			require.Zero(t, time.Since(begun))
			p.gone()
			require.Equal(t, 10*time.Second, time.Since(begun))
		})
	})
	t.Run("probe", func(t *testing.T) {
		bubble(t, func(r *rig) {
			p := r.online("s1")
			p.expect(nsSM, "r")
			begun := time.Now()
			r.s.NetworkChanged() // shortens the time for an answer
			p.gone()
			require.Equal(t, 10*time.Second, time.Since(begun))
		})
	})
}

// A stanza that trickles in is not waited for without end.
func TestSlowStanza(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		begun := time.Now()
		p.write("<message>")
		for {
			if _, err := p.conn.Write([]byte("x")); err != nil {
				break
			}
			time.Sleep(10 * time.Second)
		}
		require.InDelta(t, 5*time.Minute, time.Since(begun), float64(11*time.Second))
		require.ErrorIs(t, r.want(Offline).Err, ErrTimeout)
	})
}

// A consumer that takes its time keeps the server waiting, not the memory
// growing, and is no reason to give the connection up.
func TestBackPressure(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		written := make(chan int, 1)
		go func() {
			n := 0
			for n < 100 {
				p.message("x")
				n++
			}
			written <- n
		}()
		time.Sleep(time.Hour)
		r.s.queue.mu.Lock()
		held := len(r.s.queue.entries)
		r.s.queue.mu.Unlock()
		require.LessOrEqual(t, held, 10)
		require.Empty(t, written)
		for i := range 100 {
			require.EqualValues(t, i+1, r.wantBody("x").Count)
		}
		require.Equal(t, 100, <-written)
		r.nothing()
	}, func(c *Config) { c.Limits.Queue = 10; c.Limits.Stanza = 1000 })
}

func TestReset(t *testing.T) {
	bubble(t, func(r *rig) {
		r.s.Reset(errors.New("too early")) // nothing to reset
		p := r.online("s1")
		p.message("1")
		r.wantBody("1")
		cause := errors.New("disk full")
		r.s.Reset(cause)
		p.gone()
		require.ErrorIs(t, r.want(Offline).Err, cause)
		p = r.accept()
		require.Equal(t, "0", p.resumed("s1", 0))
		p.message("1")
		r.want(Online)
		require.EqualValues(t, 1, r.wantBody("1").Count)
	})
}

// A server that goes on sending, but answers no request for an acknowledgement,
// does not hear us: a new session takes the place of the one it is deaf in.
func TestDeafServer(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		r.send("1")
		require.Equal(t, "1", bodyOf(p.read()))
		p.expect(nsSM, "r")
		for range 3 {
			time.Sleep(9 * time.Second) // of the bubble
			p.message("still here")
		}
		for range 3 {
			r.wantBody("still here")
		}
		require.ErrorIs(t, r.want(Offline).Err, ErrTimeout)
		r.accept().ready("s2") // and not <resume/>
		require.False(t, r.want(Online).Online.Resumed)
	})
}

// The same after a resumption, when nobody else makes the server send anything.
func TestDeafServerAfterResumption(t *testing.T) {
	bubble(t, func(r *rig) {
		r.online("s1").cut()
		r.want(Offline)
		p := r.accept()
		p.resumed("s1", 0)
		require.True(t, r.want(Online).Online.Resumed)
		begun := time.Now()
		p.expect(nsSM, "r")
		require.ErrorIs(t, r.want(Offline).Err, ErrTimeout)
		require.Equal(t, 10*time.Second, time.Since(begun))
		r.accept().ready("s2") // and not <resume/>
		require.False(t, r.want(Online).Online.Resumed)
	})
}
