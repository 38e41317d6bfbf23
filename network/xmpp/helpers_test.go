// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/stream"
)

var (
	juliet = jid.MustParse("juliet@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
)

func parse(t testing.TB, s string) *element.Element {
	t.Helper()
	e, err := element.Parse([]byte(s), element.Limits{})
	require.NoError(t, err, s)
	return e
}

func text(e *element.Element) string {
	if e == nil {
		return ""
	}
	return string(e.Bytes())
}

// A fakeConn answers requests from a script and keeps what is sent.
type fakeConn struct {
	t    testing.TB
	mu   sync.Mutex
	sent []string
	err  error // of Send
	// script is what is expected and answered, in order; handle, when set,
	// takes its place.
	script []exchange
	handle func(typ stanza.IQType, to jid.JID, payload *element.Element) (*element.Element, error)
}

// An exchange is one request and its answer: payload as XML, "" for none, or an
// error element.
type exchange struct {
	typ             stanza.IQType
	to              string
	request, answer string
}

func (f *fakeConn) IQ(_ context.Context, typ stanza.IQType, to jid.JID, payload *element.Element) (*element.Element, error) {
	if f.handle != nil {
		return f.handle(typ, to, payload)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	require.NotEmpty(f.t, f.script, "unexpected request %s", text(payload))
	x := f.script[0]
	f.script = f.script[1:]
	require.Equal(f.t, x.typ, typ)
	require.Equal(f.t, x.to, to.String())
	require.Equal(f.t, text(parse(f.t, x.request)), text(payload))
	return answered(f.t, x.answer)
}

// answered does to an answer what the stream does.
func answered(t testing.TB, answer string) (*element.Element, error) {
	if answer == "" {
		return nil, nil
	}
	e := parse(t, answer)
	if !e.Is(element.NSClient, "error") {
		return e, nil
	}
	reason := parseError(element.New(element.NSClient, "iq").Add(e))
	return nil, &stream.IQError{Reason: *reason, Element: e}
}

func (f *fakeConn) Send(_ context.Context, e *element.Element) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.sent = append(f.sent, text(e))
	return nil
}

func (f *fakeConn) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.sent...)
}

// newTest returns a client of juliet's with a scripted server; the script must
// be used up by the end of the test.
func newTest(t testing.TB, cfg Config, script ...exchange) (*Client, *fakeConn) {
	t.Helper()
	f := &fakeConn{t: t, script: script}
	cfg.Stream.JID = juliet
	c, err := newClient(cfg, f)
	require.NoError(t, err)
	t.Cleanup(func() { require.Empty(t, f.script, "requests that were not made") })
	return c, f
}

// refusal is the error of a stanza as servers send it.
func refusal(typ, condition, more string) string {
	return "<error type='" + typ + "'><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" + more + "</error>"
}

func isNoNode(err error) bool { return errors.Is(err, ErrNoNode) }

func (f *fakeConn) SendNonza(ctx context.Context, e *element.Element) error {
	require.NotContains(f.t, []string{"message", "presence", "iq"}, e.Name.Local)
	return f.Send(ctx, e)
}
