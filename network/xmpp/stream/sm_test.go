// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

func TestOnline(t *testing.T) {
	bubble(t, func(r *rig) {
		r.accept().ready("s1")
		o := r.want(Online).Online
		require.Equal(t, &OnlineInfo{
			JID: jid.MustParse(full), SM: true, ID: "s1", Resumable: true, Max: 5 * time.Minute, Features: o.Features,
		}, o)
		require.True(t, o.Feature(nsSM, "sm"))
		require.False(t, o.Feature(nsSM, "other"))
	})
}

// Only what is handled is acknowledged, and no more.
func TestAcknowledgesWhatIsHandled(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.ask()
		p.expectAck("0")
		for _, body := range []string{"1", "2", "3"} {
			p.message(body)
		}
		p.ask()
		require.EqualValues(t, 1, r.wantBody("1").Count)
		require.EqualValues(t, 2, r.wantBody("2").Count)
		require.EqualValues(t, 3, r.wantBody("3").Count)
		require.EqualValues(t, 3, r.want(AckRequested).Count)
		p.silent()
		r.s.Handled(2)
		p.silent()
		r.s.Handled(3)
		p.expectAck("3")
		r.s.Handled(2)  // never back
		r.s.Handled(99) // never more than was sent
		p.ask()
		p.expectAck("3")
	})
}

// A consumer which is slow must not be taken for dead.
func TestAcknowledgesInTime(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.message("1")
		p.message("2")
		p.ask()
		r.wantBody("1")
		r.s.Handled(1)
		begun := time.Now()
		p.expectAck("1")
		require.Equal(t, 10*time.Second, time.Since(begun))
		r.s.Handled(2)
		p.expectAck("2")
	})
}

func TestAcknowledgesUnasked(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		for i := range ackUnasked {
			p.message(strconv.Itoa(i))
			r.s.Handled(r.want(Stanza).Count)
		}
		p.expectAck(strconv.Itoa(ackUnasked))
	})
}

// Stanzas which do not come out of Next are counted, and their count does.
func TestCountsWhatIsConsumed(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.message("divert")
		p.write("<iq type='result' id='nobody' from='example.org'/>")
		p.ask()
		require.EqualValues(t, 2, r.want(AckRequested).Count)
		p.message("2")
		require.EqualValues(t, 3, r.wantBody("2").Count)
		for range ackUnasked {
			p.message("divert")
		}
		require.EqualValues(t, 3+ackUnasked, r.want(AckRequested).Count)
		r.s.Handled(3 + ackUnasked)
		p.expectAck(strconv.Itoa(3 + ackUnasked))
		r.nothing()
	}, divert)
}

func divert(c *Config) {
	c.Divert = func(e *element.Element) bool { return bodyOf(e) == "divert" }
}

// What arrives ahead of <enabled/> is delivered and not counted.
func TestCountsFromEnabledOn(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.accept()
		p.signIn(bindSM)
		p.bound()
		p.expect(nsSM, "enable")
		p.message("early")
		p.write(`<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>`)
		p.pump()
		p.message("first")
		r.want(Online)
		require.EqualValues(t, 0, r.wantBody("early").Count)
		require.EqualValues(t, 1, r.wantBody("first").Count)
	})
}

func TestAcked(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		r.send("1")
		r.send("2")
		p.expectBodies("1", "2")
		p.ack(1)
		require.EqualValues(t, 1, r.want(Acked).Acked)
		p.ack(1)
		p.ack(2)
		require.EqualValues(t, 2, r.want(Acked).Acked)
		r.nothing()
	})
}

// One request for acknowledgement at a time is on its way, and the last stanza
// never goes without one.
func TestAsksForAcknowledgement(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		r.send("1")
		require.Equal(t, "1", bodyOf(p.read()))
		p.expect(nsSM, "r")
		r.send("2")
		require.Equal(t, "2", bodyOf(p.read()))
		p.silent()
		p.ack(1)
		p.expect(nsSM, "r")
		p.ack(2)
		p.silent()
	})
}

// What is no stanza goes at once and moves no count.
func TestNonzaIsNotCounted(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		require.NoError(t, r.s.SendNonza(context.Background(), element.New("urn:xmpp:csi:0", "inactive")))
		p.expect("urn:xmpp:csi:0", "inactive")
		p.silent()
		r.send("1")
		p.expectBodies("1")
		p.ack(1)
		require.EqualValues(t, 1, r.want(Acked).Acked)
		p.cut()
		r.want(Offline)
		require.ErrorIs(t, r.s.SendNonza(context.Background(), element.New("urn:xmpp:csi:0", "active")), ErrNotConnected)
	})
}

func TestResume(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		for _, body := range []string{"1", "2", "3", "4"} {
			r.send(body)
		}
		p.expectBodies("1", "2", "3", "4")
		p.ack(1)
		r.want(Acked)
		p.message("in 1")
		p.message("in 2")
		r.wantBody("in 1")
		r.wantBody("in 2")
		r.s.Handled(2)
		p.cut()
		require.ErrorIs(t, r.want(Offline).Err, ErrEnded)
		require.ErrorIs(t, r.s.Send(context.Background(), message("offline")), ErrNotConnected)

		p = r.accept()
		require.Equal(t, "2", p.resumed("s1", 3))
		item := r.want(Online)
		require.True(t, item.Online.Resumed)
		require.EqualValues(t, 3, item.Online.Out)
		require.EqualValues(t, 2, item.Count)
		require.Equal(t, "s1", item.Online.ID)
		require.Equal(t, full, item.Online.JID.String())
		require.Equal(t, 5*time.Minute, item.Online.Max)
		r.send("5")
		p.expectBodies("4", "5")
		p.message("in 3")
		require.EqualValues(t, 3, r.wantBody("in 3").Count)
		p.ack(5)
		require.EqualValues(t, 5, r.want(Acked).Acked)
	})
}

// What was sent again is what was sent at first, to the byte.
func TestResumeSendsTheSameBytes(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		raw := `<message  id="x"  to='bob@example.org'><body>&#x41;</body ></message>`
		require.NoError(t, r.s.SendDurable(context.Background(), func(Position) ([][]byte, error) {
			return [][]byte{[]byte(raw)}, nil
		}))
		p.expectBodies("A")
		p.cut()
		r.want(Offline)
		p = r.accept()
		p.signIn(bindSM)
		p.expect(nsSM, "resume")
		p.write(`<resumed xmlns='urn:xmpp:sm:3' previd='s1' h='0'/>`)
		f, err := p.frames.Next()
		require.NoError(t, err)
		require.Equal(t, raw, string(f.Data))
	})
}

// A server that sends much again while much is sent again to it must be
// listened to meanwhile.
func TestReadsWhileSendingAgain(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		r.send("1")
		p.expectBodies("1")
		p.cut()
		r.want(Offline)
		p = r.accept()
		p.signIn(bindSM)
		p.expect(nsSM, "resume")
		// Over a pipe, every write waits to be read; this server reads nothing.
		p.write(`<resumed xmlns='urn:xmpp:sm:3' previd='s1' h='0'/>`)
		for i := range 10 {
			p.message(strconv.Itoa(i))
		}
		p.pump()
		p.expectBodies("1")
	})
}

// What was received and not handled is sent again by the server, so it must
// not come out twice.
func TestResumeForgetsWhatWillComeAgain(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.message("1")
		p.message("2")
		p.message("3")
		items, err := r.s.Next(context.Background(), make([]Item, 0, 1))
		require.NoError(t, err)
		require.Equal(t, "1", bodyOf(items[0].Stanza))
		p.cut()
		p = r.accept()
		done := make(chan string)
		go func() { done <- p.resumed("s1", 0) }()
		time.Sleep(3 * time.Second / 2) // a part of the time allowed
		r.s.Handled(1)
		require.Equal(t, "1", <-done)
		p.message("2")
		p.message("3")
		r.want(Offline)
		require.True(t, r.want(Online).Online.Resumed)
		require.EqualValues(t, 2, r.wantBody("2").Count)
		require.EqualValues(t, 3, r.wantBody("3").Count)
		r.nothing()
	})
}

// A consumer that does not finish does not keep the stream from resuming.
func TestResumeDoesNotWaitForever(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.message("1")
		r.wantBody("1")
		p.cut()
		r.want(Offline)
		p = r.accept()
		require.Equal(t, "0", p.resumed("s1", 0))
		r.want(Online)
		r.s.Handled(1) // late, and true
		p.message("1")
		r.wantBody("1")
		p.ask()
		p.expectAck("1")
	})
}

func TestResumeRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		attr  string
		acked uint64
	}{
		"without a count":   {"", 0},
		"with a count":      {" h='2'", 2},
		"with a wrong one":  {" h='5'", 0},
		"with a broken one": {" h='x'", 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				p := r.online("s1")
				for _, body := range []string{"1", "2", "3"} {
					r.send(body)
				}
				p.expectBodies("1", "2", "3")
				p.message("in")
				require.EqualValues(t, 1, r.wantBody("in").Count)
				answer := make(chan error, 1)
				go func() {
					_, err := r.s.IQ(context.Background(), "get", jid.JID{}, element.New("x", "y"))
					answer <- err
				}()
				p.expect(element.NSClient, "iq")
				p.cut()
				r.want(Offline)
				p = r.accept()
				p.refused(tc.attr, "s2")
				if tc.acked > 0 {
					require.EqualValues(t, tc.acked, r.want(Acked).Acked)
				}
				r.s.Handled(1) // still about the former session
				item := r.want(Online)
				require.False(t, item.Online.Resumed)
				require.Equal(t, "s2", item.Online.ID)
				require.ErrorIs(t, <-answer, ErrSessionLost)
				r.s.Handled(1) // more than there was in this session
				p.ask()
				p.expectAck("0")
				p.message("new")
				require.EqualValues(t, 1, r.wantBody("new").Count)
				r.send("4")
				p.expectBodies("4")
			})
		})
	}
}

// Items of two sessions never come together, since their counts mean
// different things.
func TestNextKeepsSessionsApart(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		p.message("old 1")
		p.message("old 2")
		p.cut()
		r.accept().refused("", "s2")
		// synctest: everything is queued before the first Next.
		time.Sleep(time.Minute)
		items, err := r.s.Next(context.Background(), make([]Item, 0, 10))
		require.NoError(t, err)
		require.Len(t, items, 3)
		require.Equal(t, Offline, items[2].Kind)
		r.s.Handled(2)
		items, err = r.s.Next(context.Background(), make([]Item, 0, 10))
		require.NoError(t, err)
		require.Len(t, items, 1)
		require.Equal(t, "s2", items[0].Online.ID)
	})
}

// Another process goes on with what the first one persisted.
func TestResumeOfAnotherProcess(t *testing.T) {
	resume := &Resume{ID: "s1", JID: jid.MustParse(full), Handled: 7, Out: 3}
	given := func(c *Config) { c.Resume = resume }
	bubble(t, func(r *rig) {
		p := r.accept()
		require.Equal(t, "7", p.resumed("s1", 5))
		item := r.want(Online)
		require.True(t, item.Online.Resumed)
		require.EqualValues(t, 5, item.Online.Out)
		require.EqualValues(t, 7, item.Count)
		var at Position
		require.NoError(t, r.s.SendDurable(context.Background(), func(p Position) ([][]byte, error) {
			at = p
			return [][]byte{message("6").Bytes()}, nil
		}))
		require.Equal(t, Position{ID: "s1", Next: 6}, at)
		p.expectBodies("6")
		p.ack(6)
		require.EqualValues(t, 6, r.want(Acked).Acked)
		p.message("8")
		require.EqualValues(t, 8, r.wantBody("8").Count)
		r.s.Handled(8)
		p.ask()
		p.expectAck("8")
	}, given)
	bubble(t, func(r *rig) {
		r.accept().refused(" h='4'", "s2")
		require.EqualValues(t, 4, r.want(Acked).Acked)
		require.Equal(t, "s2", r.want(Online).Online.ID)
	}, given)
	bubble(t, func(r *rig) { // what cannot be resumed is not tried
		r.online("s2")
	}, func(c *Config) { c.Resume = &Resume{ID: localID + "x", JID: resume.JID} })
	bubble(t, func(r *rig) {
		r.online("s2")
	}, func(c *Config) { c.Resume = &Resume{ID: "s1", JID: jid.MustParse("other@example.org/x")} })
}

// Counts go on after 2³² stanzas, here and on the wire.
func TestCountsWrapAround(t *testing.T) {
	const most = 1 << 32
	bubble(t, func(r *rig) {
		p := r.accept()
		require.Equal(t, strconv.Itoa(most-2), p.resumed("s1", most-1))
		item := r.want(Online)
		require.EqualValues(t, most-1, item.Online.Out)
		r.send("a")
		r.send("b")
		p.expectBodies("a", "b")
		p.ack(0)
		require.EqualValues(t, most, r.want(Acked).Acked)
		p.ack(1)
		require.EqualValues(t, most+1, r.want(Acked).Acked)
		for i := range 4 {
			p.message("in")
			count := r.wantBody("in").Count
			require.EqualValues(t, most-2+i+1, count)
			r.s.Handled(count)
			p.ask()
			p.expectAck(strconv.FormatUint(uint64(uint32(count)), 10))
		}
		p.cut()
		r.want(Offline)
		p = r.accept()
		require.Equal(t, "2", p.resumed("s1", 1))
		require.EqualValues(t, most+1, r.want(Online).Online.Out)
	}, func(c *Config) {
		c.Resume = &Resume{ID: "s1", JID: jid.MustParse(full), Handled: most - 2, Out: most - 3}
	})
}

// A count that cannot be true ends the stream, and the session is not resumed.
func TestImpossibleCounts(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		r.send("1")
		p.expectBodies("1")
		p.ack(2)
		e := p.expect(element.NSStream, "error")
		require.NotNil(t, e.Child(nsSM, "handled-count-too-high"))
		p.gone()
		require.ErrorIs(t, r.want(Offline).Err, ErrCount)
		r.online("s2")
	})
	for name, h := range map[string]uint32{"too high": 3, "too low": 0, "absurd": 1 << 31} {
		t.Run("resumed "+name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				p := r.online("s1")
				r.send("1")
				r.send("2")
				p.expectBodies("1", "2")
				p.ack(1)
				r.want(Acked)
				p.cut()
				r.want(Offline)
				p = r.accept()
				p.resumed("s1", h)
				require.NotNil(t, p.expect(element.NSStream, "error").Child(nsSM, "handled-count-too-high"))
				require.ErrorIs(t, r.want(Offline).Err, ErrCount)
				r.accept().ready("s2")
				require.False(t, r.want(Online).Online.Resumed)
			})
		})
	}
}

func TestResumeAnswersOutOfPlace(t *testing.T) {
	for name, answer := range map[string]string{
		"other session": `<resumed xmlns='urn:xmpp:sm:3' previd='s0' h='0'/>`,
		"no count":      `<resumed xmlns='urn:xmpp:sm:3' previd='s1'/>`,
		"other element": `<enabled xmlns='urn:xmpp:sm:3' id='s1'/>`,
		"a stanza":      `<message/>`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.online("s1").cut()
				r.want(Offline)
				p := r.accept()
				p.signIn(bindSM)
				p.expect(nsSM, "resume")
				p.write(answer)
				p.gone()
				require.ErrorIs(t, r.want(Offline).Err, ErrProtocol)
				r.online("s2") // it is not tried again
			})
		})
	}
}
