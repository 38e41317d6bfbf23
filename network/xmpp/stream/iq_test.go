// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream/framer"
)

type outcome struct {
	payload *element.Element
	err     error
}

// ask sends a request to an address.
func (r *rig) request(to string) <-chan outcome {
	var j jid.JID
	if to != "" {
		j = jid.MustParse(to)
	}
	done := make(chan outcome, 1)
	go func() {
		e, err := r.s.IQ(context.Background(), stanza.GetIQ, j, element.New("urn:x", "query"))
		done <- outcome{e, err}
	}()
	return done
}

func TestIQ(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		done := r.request("bob@example.org/x")
		iq := p.expect(element.NSClient, "iq")
		require.Equal(t, "get", iq.AttrValue("type"))
		require.Equal(t, "bob@example.org/x", iq.AttrValue("to"))
		require.NotNil(t, iq.Child("urn:x", "query"))
		p.write("<iq type='result' from='bob@example.org/x' id='" + iq.AttrValue("id") + "'><query xmlns='urn:x'>1</query></iq>")
		got := <-done
		require.NoError(t, got.err)
		require.Equal(t, "1", got.payload.Text)

		done = r.request("")
		iq = p.expect(element.NSClient, "iq")
		_, there := iq.LookupAttr("", "to")
		require.False(t, there)
		p.write("<iq type='result' id='" + iq.AttrValue("id") + "'/>")
		require.Equal(t, outcome{}, <-done)

		done = r.request("example.org")
		iq = p.expect(element.NSClient, "iq")
		p.write("<iq type='error' from='example.org' id='" + iq.AttrValue("id") + "'><query xmlns='urn:x'/><error type='cancel'>" +
			"<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><special xmlns='urn:y'/></error></iq>")
		got = <-done
		require.ErrorIs(t, got.err, stanza.Error{Condition: stanza.ItemNotFound})
		var refusal *IQError
		require.ErrorAs(t, got.err, &refusal)
		require.Equal(t, "xmpp.iq.item-not-found", refusal.Code())
		require.NotNil(t, refusal.Element.Child("urn:y", "special"))
		var se stanza.Error
		require.ErrorAs(t, got.err, &se)
		require.Equal(t, stanza.Cancel, se.Type)
		r.nothing()
	})
}

// Only what comes from where the request went is an answer to it.
func TestTrap11_SpoofedAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		to       string
		accepted []string // "" is none at all
		refused  []string
	}{
		"no address": {
			"", []string{"", account, full, domain},
			[]string{"bob@example.org", "alice@example.org/other", "example.com", "@", "alice@example.org.evil.com"},
		},
		"own account": {account, []string{"", account, full, domain}, []string{"bob@example.org", "sub.example.org"}},
		"own server":  {domain, []string{"", domain}, []string{account, full, "bob@example.org", "muc.example.org"}},
		"somebody":    {"bob@example.org", []string{"bob@example.org", "BOB@example.org"}, []string{"", account, domain, "bob@example.org/x"}},
		"a device":    {"bob@example.org/x", []string{"bob@example.org/x"}, []string{"", "bob@example.org", "bob@example.org/X", domain}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				p := r.online("s1")
				for _, from := range tc.accepted {
					done := r.request(tc.to)
					id := p.expect(element.NSClient, "iq").AttrValue("id")
					for _, other := range tc.refused {
						p.answer(other, id, "error")
						p.answer(other, id, "result")
					}
					p.answer(from, "x"+id, "result")
					p.write("<iq type='get' id='" + id + "' from='" + account + "'/>") // no answer either
					r.want(Stanza)
					require.Empty(t, done)
					p.answer(from, id, "result")
					require.NoError(t, (<-done).err)
					p.answer(from, id, "result") // once
				}
				r.nothing()
			})
		})
	}
}

func (p *peer) answer(from, id, typ string) {
	p.t.Helper()
	if from != "" {
		from = " from='" + from + "'"
	}
	p.write("<iq type='" + typ + "' id='" + id + "'" + from + "/>")
}

// A request that was on its way when the connection broke is answered after
// the resumption.
func TestIQSurvivesResumption(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		done := r.request("")
		id := p.expect(element.NSClient, "iq").AttrValue("id")
		p.cut()
		r.want(Offline)
		p = r.accept()
		p.resumed("s1", 0)
		require.Equal(t, id, p.expect(element.NSClient, "iq").AttrValue("id"))
		p.answer("", id, "result")
		require.NoError(t, (<-done).err)
	})
}

func TestIQErrors(t *testing.T) {
	bubble(t, func(r *rig) {
		require.ErrorIs(t, (<-r.request("")).err, ErrNotConnected)
		p := r.online("s1")

		begun := time.Now()
		done := r.request("")
		id := p.expect(element.NSClient, "iq").AttrValue("id")
		p.ack(1) // it is heard, and not answered
		require.ErrorIs(t, (<-done).err, ErrIQTimeout)
		require.Equal(t, 30*time.Second, time.Since(begun))
		p.answer("", id, "result") // too late

		ctx, cancel := context.WithCancel(context.Background())
		result := make(chan error)
		go func() {
			_, err := r.s.IQ(ctx, stanza.SetIQ, jid.JID{}, nil)
			result <- err
		}()
		p.expect(element.NSClient, "iq")
		cancel()
		require.ErrorIs(t, <-result, context.Canceled)
		require.Empty(t, r.s.tracker.pending)

		first, second := r.request(""), r.request("")
		p.expect(element.NSClient, "iq")
		p.expect(element.NSClient, "iq")
		require.ErrorIs(t, (<-r.request("")).err, ErrBusy)
		r.stop()
		require.ErrorIs(t, (<-first).err, ErrClosed)
		require.ErrorIs(t, (<-second).err, ErrClosed)
	}, func(c *Config) { c.Limits.Requests = 2 })
}

// An answer that is too large fails the request at once.
func TestIQAnswerOverTheLimit(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.online("s1")
		done := r.request("")
		id := p.expect(element.NSClient, "iq").AttrValue("id")
		big := make([]byte, 300<<10)
		for i := range big {
			big[i] = 'x'
		}
		p.write("<iq type='result' id='" + id + "'><a>" + string(big) + "</a></iq>")
		require.ErrorIs(t, (<-done).err, framer.ErrLimit)
		p.message("1")
		require.EqualValues(t, 2, r.wantBody("1").Count)
	}, func(c *Config) { c.Limits.Large = 256 << 10 })
}

// The answer to a request to our own account may be large. Nobody else's may,
// nor what nobody asked for.
func TestLargeAnswer(t *testing.T) {
	large := "<query xmlns='urn:x'>" + strings.Repeat("<item/>", 100_000) + "</query>"
	bubble(t, func(r *rig) {
		p := r.online("s1")
		done := r.request("")
		id := p.expect(element.NSClient, "iq").AttrValue("id")
		p.write("<iq type='result' from='mallory@example.org' id='" + id + "'>" + large + "</iq>")
		p.write("<iq type='result' id='other'>" + large + "</iq>")
		p.write("<iq type='result' id='" + id + "'>" + large + "</iq>")
		got := <-done
		require.NoError(t, got.err)
		require.Len(t, got.payload.Children, 100_000)

		done = r.request("bob@example.org/x")
		id = p.expect(element.NSClient, "iq").AttrValue("id")
		p.write("<iq type='result' from='bob@example.org/x' id='" + id + "'>" + large + "</iq>")
		require.ErrorIs(t, (<-done).err, framer.ErrLimit)
	})
}
