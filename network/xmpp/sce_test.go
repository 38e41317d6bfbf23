// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// The example of XEP-0384 §5.5.1, with affixes of XEP-0420 §4.
const envelopeExample = `<envelope xmlns='urn:xmpp:sce:1'>
  <content>
    <body xmlns='jabber:client'>
     Hello World!
    </body>
    <x xmlns='jabber:x:oob'>
      <url>https://en.wikipedia.org/wiki/Fight_Club#Plot</url>
    </x>
  </content>
  <time stamp='2004-01-25T06:05:00+01:00'/>
  <to jid='juliet@capulet.example'/>
  <from jid='romeo@montague.example'/>
  <rpad>C1DHN9HK-9A25tSmwK4hU!Jji9%GKYK^syIlHJT9TnI4</rpad>
</envelope>`

var encryptedAt = time.Date(2004, 1, 25, 5, 5, 0, 0, time.UTC)

func TestParseEnvelope(t *testing.T) {
	e, err := ParseEnvelope([]byte(envelopeExample))
	require.NoError(t, err)
	require.Equal(t, "\n     Hello World!\n    ", e.Body())
	require.Len(t, e.Content, 2)
	require.True(t, e.Content[1].Is("jabber:x:oob", "x"))
	require.Equal(t, "romeo@montague.example", e.From.String())
	require.Equal(t, "juliet@capulet.example", e.To.String())
	require.True(t, e.Time.Equal(encryptedAt))

	e, err = ParseEnvelope([]byte(`<e:envelope xmlns:e='urn:xmpp:sce:1' xmlns='jabber:client'><e:rpad/><e:content><body>x</body></e:content></e:envelope>`))
	require.NoError(t, err)
	require.Equal(t, "x", e.Body())
	require.True(t, e.Time.IsZero())
	require.True(t, e.From.Equal(jid.JID{}) && e.To.Equal(jid.JID{}))

	e, err = ParseEnvelope([]byte(`<envelope xmlns='urn:xmpp:sce:1'><from jid='a@b/phone'/><content/></envelope>`))
	require.NoError(t, err)
	require.Empty(t, e.Content)
	require.Empty(t, e.Body())
	require.Equal(t, "a@b", e.From.String(), "bare")
}

func TestParseEnvelopeRefuses(t *testing.T) {
	in := func(s string) string { return `<envelope xmlns='urn:xmpp:sce:1'>` + s + `</envelope>` }
	for name, s := range map[string]string{
		"nothing":           "",
		"no XML":            "Hello World!",
		"cut off":           envelopeExample[:len(envelopeExample)-3],
		"two":               in("<content/>") + in("<content/>"),
		"trailing text":     in("<content/>") + "x",
		"other element":     `<content xmlns='urn:xmpp:sce:1'/>`,
		"other version":     `<envelope xmlns='urn:xmpp:sce:0'><content/></envelope>`,
		"no namespace":      `<envelope><content/></envelope>`,
		"no content":        in("<rpad/>"),
		"two contents":      in("<content/><content/>"),
		"two senders":       in("<content/><from jid='a@b'/><from jid='c@d'/>"),
		"two times":         in("<content/><time stamp='2004-01-25T06:05:00Z'/><time stamp='2004-01-25T06:05:00Z'/>"),
		"sender of nobody":  in("<content/><from/>"),
		"sender unreadable": in("<content/><from jid='@'/>"),
		"nobody to":         in("<content/><to jid=''/>"),
		"no stamp":          in("<content/><time/>"),
		"stamp unreadable":  in("<content/><time stamp='yesterday'/>"),
		"entity":            `<!DOCTYPE e [<!ENTITY x "y">]>` + in("<content><body xmlns='jabber:client'>&x;</body></content>"),
		"comment":           in("<content/><!-- -->"),
		"no prefix":         in("<x:content/>"),
		"too deep":          in("<content>" + strings.Repeat("<a xmlns='b'>", 2000) + strings.Repeat("</a>", 2000) + "</content>"),
		"too large":         in("<content><body xmlns='jabber:client'>" + strings.Repeat("x", MaxEnvelope) + "</body></content>"),
	} {
		e, err := ParseEnvelope([]byte(s))
		require.ErrorIs(t, err, ErrMalformed, name)
		require.Equal(t, Envelope{}, e, name)
		require.NotContains(t, err.Error(), "Hello")
	}
}

// What is a server's to say, or somebody else's, is not believed because it was
// encrypted.
func TestEnvelopeContentOfOthers(t *testing.T) {
	foreign := []string{
		`<store xmlns='urn:xmpp:hints'/>`, `<no-copy xmlns='urn:xmpp:hints'/>`,
		`<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='juliet@capulet.example'/>`, `<origin-id xmlns='urn:xmpp:sid:0' id='1'/>`,
		`<addresses xmlns='http://jabber.org/protocol/address'/>`, `<encryption xmlns='urn:xmpp:eme:0'/>`,
		`<delay xmlns='urn:xmpp:delay' stamp='2004-01-25T06:05:00Z'/>`, `<x xmlns='jabber:x:delay'/>`,
		`<sent xmlns='urn:xmpp:carbons:2'/>`, `<result xmlns='urn:xmpp:mam:2'/>`,
		`<encrypted xmlns='eu.siacs.conversations.axolotl'/>`, `<encrypted xmlns='urn:xmpp:omemo:2'/>`,
		`<event xmlns='http://jabber.org/protocol/pubsub#event'/>`, `<envelope xmlns='urn:xmpp:sce:1'/>`, `<error xmlns='jabber:client'/>`,
		`<message xmlns='jabber:client'/>`, `<body/>`, `<x xmlns=''/>`,
	}
	own := []string{
		`<body xmlns='jabber:client'>x</body>`, `<subject xmlns='jabber:client'>x</subject>`, `<thread xmlns='jabber:client'>x</thread>`,
		`<reactions xmlns='urn:xmpp:reactions:0' id='1'/>`, `<reply xmlns='urn:xmpp:reply:0' id='1'/>`,
		`<received xmlns='urn:xmpp:receipts' id='1'/>`, `<opt-out xmlns='urn:xmpp:omemo:2'/>`, `<a xmlns='something:new'/>`,
	}
	e, err := ParseEnvelope([]byte(`<envelope xmlns='urn:xmpp:sce:1'><content>` + strings.Join(foreign, "") + strings.Join(own, "") + strings.Join(foreign, "") + `</content></envelope>`))
	require.NoError(t, err)
	require.Len(t, e.Content, len(own))
	require.Equal(t, &ReceiptInfo{Received: "1"}, ParseReceipt(e.Message()))

	// Nor is it put into one.
	for _, s := range foreign {
		if s != `<body/>` { // which has a namespace when it stands alone
			e.Content = append(e.Content, parse(t, s))
		}
	}
	again, err := ParseEnvelope(e.Bytes())
	require.NoError(t, err)
	require.Equal(t, len(own), len(again.Content))
}

func TestEnvelopeRoundTrip(t *testing.T) {
	body := element.New(element.NSClient, "body").WithText("Hi <&>'\" 🦊\n")
	for _, e := range []Envelope{
		{},
		{Content: []*element.Element{body}},
		{Content: []*element.Element{body, element.New("urn:xmpp:reply:0", "reply").With("id", "1")}, From: romeo, To: juliet, Time: encryptedAt},
	} {
		got, err := ParseEnvelope(e.Bytes())
		require.NoError(t, err)
		require.Equal(t, e.Body(), got.Body())
		require.Len(t, got.Content, len(e.Content))
		require.True(t, e.From.Bare().Equal(got.From) && e.To.Bare().Equal(got.To))
		require.True(t, e.Time.Equal(got.Time))
	}
}

// A short text looks like any other, and no two are of one length for long.
func TestEnvelopePadding(t *testing.T) {
	lengths := map[int]bool{}
	for n := range 200 {
		e := Envelope{Content: []*element.Element{element.New(element.NSClient, "body").WithText(strings.Repeat("x", n%3))}, From: romeo}
		b := e.Bytes()
		require.GreaterOrEqual(t, len(b), padTo)
		require.LessOrEqual(t, len(b), padTo+padMax)
		lengths[len(b)] = true
	}
	require.Greater(t, len(lengths), 50)
	long := Envelope{Content: []*element.Element{element.New(element.NSClient, "body").WithText(strings.Repeat("x", 5000))}}
	require.NotEqual(t, string(long.Bytes()), string(long.Bytes()))
	require.Less(t, len(long.Bytes()), 5000+2*padTo+padMax)
}

func TestCheckEnvelope(t *testing.T) {
	room := jid.MustParse("room@muc.capulet.example")
	expected := Expected{From: romeo, To: juliet, At: encryptedAt.Add(time.Hour), Before: 2 * time.Hour, After: time.Minute}
	inRoom := expected
	inRoom.To, inRoom.Room = room, true
	anyTime := expected
	anyTime.Before, anyTime.After = 0, 0
	at := func(d time.Duration) Envelope {
		return Envelope{From: romeo.Bare(), To: juliet.Bare(), Time: expected.At.Add(d)}
	}
	for _, c := range []struct {
		name string
		e    Envelope
		x    Expected
		want error
	}{
		{"all", at(-time.Hour), expected, nil},
		{"nothing said", Envelope{}, expected, nil},
		{"somebody else's", Envelope{From: juliet.Bare()}, expected, ErrEnvelopeSender},
		{"for somebody else", Envelope{From: romeo.Bare(), To: room}, expected, ErrEnvelopeRecipient},
		{"the other way round", Envelope{From: juliet.Bare(), To: romeo.Bare()}, expected, ErrEnvelopeSender},
		{"in the room", Envelope{To: room}, inRoom, nil},
		{"of the room", Envelope{To: room}, expected, ErrEnvelopeRecipient},
		{"private in the room", Envelope{To: juliet.Bare()}, inRoom, ErrEnvelopeRecipient},
		{"nowhere in the room", Envelope{From: romeo.Bare()}, inRoom, ErrEnvelopeRecipient},
		{"as old as may be", at(-2 * time.Hour), expected, nil},
		{"too old", at(-2*time.Hour - time.Second), expected, ErrEnvelopeTime},
		{"as new as may be", at(time.Minute), expected, nil},
		{"too new", at(time.Minute + time.Second), expected, ErrEnvelopeTime},
		{"very old", at(-10_000 * time.Hour), anyTime, nil},
		{"very new", at(10_000 * time.Hour), anyTime, nil},
	} {
		err := c.e.Check(c.x)
		if c.want == nil {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorIs(t, err, c.want, c.name)
	}
}

func TestEnvelopeShowsNothing(t *testing.T) {
	e := Envelope{Content: []*element.Element{element.New(element.NSClient, "body").WithText("canary")}, From: romeo}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", e, "in", struct{ V any }{e})
	_, _ = fmt.Fprintf(&log, "%v %+v %#v %s %d", e, e, e, e, e)
	require.NotContains(t, log.String(), "canary")
	require.NotContains(t, log.String(), "romeo")
	b, err := e.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "envelope [redacted]", string(b))
}

// FuzzEnvelope checks that whatever is read is written back the same, and that
// nothing is in it that must not be.
func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{
		envelopeExample, "", "<", `<envelope xmlns='urn:xmpp:sce:1'><content/><time stamp='0000-01-01T00:00:00+01:00'/></envelope>`,
		`<envelope xmlns='urn:xmpp:sce:1'><content/></envelope>`,
		`<envelope xmlns='urn:xmpp:sce:1'><content><a xmlns='b' c='d'>e<f/>g</a><store xmlns='urn:xmpp:hints'/></content><from jid='a@b/c'/></envelope>`,
		`<e:envelope xmlns:e='urn:xmpp:sce:1'><e:content xmlns='jabber:client'><body xml:lang='de'>x</body></e:content><e:time stamp='2004-01-25T06:05:00.123456789+01:00'/></e:envelope>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEnvelope(b)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			require.Equal(t, Envelope{}, e)
			return
		}
		for _, x := range e.Content {
			require.True(t, sealable(x))
		}
		out := e.Bytes()
		again, err := ParseEnvelope(out)
		require.NoError(t, err, "%s", out)
		require.Equal(t, e.Body(), again.Body())
		require.Len(t, again.Content, len(e.Content))
		for i := range e.Content {
			require.Equal(t, text(e.Content[i]), text(again.Content[i]))
		}
		require.True(t, e.From.Equal(again.From) && e.To.Equal(again.To))
		require.Equal(t, e.Time.Truncate(time.Millisecond), again.Time)
	})
}
