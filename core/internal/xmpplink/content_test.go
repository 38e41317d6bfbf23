// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"testing"
	"time"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"
)

var contents = map[string]pipeline.Content{
	"text":       {Body: "hello"},
	"correction": {Body: "better", Corrects: "1"},
	"retraction": {Retracts: "1"},
	"reactions":  {Reacts: &pipeline.Reacts{ID: "1", Emojis: []string{"👍", "❤️"}}},
	"none":       {Reacts: &pipeline.Reacts{ID: "1"}},
	"answer":     {Body: "> no quotation\nyes", Reply: &pipeline.Reply{ID: "1", Author: "bob@example.org", Quote: "first\nsecond 👍"}},
	"short":      {Body: "yes", Reply: &pipeline.Reply{ID: "1", Author: "bob@example.org"}},
	"mark":       {Displayed: "1"},
	"asking":     {Body: "hello", Markable: true},
}

func parseStanza(t *testing.T, b []byte) xmpp.Message {
	t.Helper()
	e, err := element.Parse(b, element.Limits{})
	require.NoError(t, err)
	m, err := xmpp.ParseMessage(e, jid.MustParse("alice@example.org"))
	require.NoError(t, err)
	return m
}

// What is said comes out as it went in, in the clear and in both versions of
// OMEMO, of which one hides all of it.
func TestContentTravels(t *testing.T) {
	a := pipeline.Affix{From: "alice@example.org", To: "bob@example.org", At: time.Now()}
	envelope := func(p engine.Profile) []omemo.Envelope {
		return []omemo.Envelope{{Profile: p, SID: 1, Payload: []byte{1}, IV: make([]byte, 12), Keys: []omemo.Key{{RID: 2, JID: a.To, Data: []byte{1}}}}}
	}
	for name, c := range contents {
		t.Run(name, func(t *testing.T) {
			b, err := Builder{}.Message(pipeline.Stanza{To: a.To, ID: "7", Content: c})
			require.NoError(t, err)
			m := parseStanza(t, b)
			require.Equal(t, c, contentOf(&m, false))
			require.Equal(t, "7", m.OriginID)
			require.NotZero(t, m.Hints&xmpp.HintStore)
			require.Equal(t, c.Body != "", m.Receipt != nil)

			for _, p := range []engine.Profile{engine.Profile03, engine.Profile2} {
				plaintext, err := Builder{}.Plaintext(p, a, c)
				require.NoError(t, err)
				b, err = Builder{}.Message(pipeline.Stanza{To: a.To, ID: "7", Content: c, Envelopes: envelope(p)})
				require.NoError(t, err)
				m = parseStanza(t, b)
				outside := contentOf(&m, true)
				if c.Body != "" {
					require.NotContains(t, string(b), c.Body)
				}
				got, err := Builder{}.Content(p, a, outside, plaintext)
				require.NoError(t, err)
				if p == engine.Profile2 {
					require.Equal(t, pipeline.Content{}, outside)
				} else if c.Reacts != nil {
					continue // see below
				}
				require.Equal(t, c, got)
			}
		})
	}
}

// Where nothing but texts is encrypted, reactions are answers.
func TestReactionsAsTexts(t *testing.T) {
	a := pipeline.Affix{From: "alice@example.org", To: "bob@example.org", At: time.Now()}
	for name, test := range map[string]struct {
		in   pipeline.Reacts
		want pipeline.Content
	}{
		"first": {pipeline.Reacts{ID: "1", Author: "bob@example.org", Emojis: []string{"👍", "❤️"}},
			pipeline.Content{Body: "👍 ❤️", Reply: &pipeline.Reply{ID: "1", Author: "bob@example.org"}}},
		"changed": {pipeline.Reacts{ID: "1", Author: "bob@example.org", Emojis: []string{"❤️"}, Stands: "5"},
			pipeline.Content{Body: "❤️", Corrects: "5", Reply: &pipeline.Reply{ID: "1", Author: "bob@example.org"}}},
		"taken back": {pipeline.Reacts{ID: "1", Stands: "5"}, pipeline.Content{Retracts: "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := pipeline.Content{Reacts: &test.in}
			plaintext, err := Builder{}.Plaintext(engine.Profile03, a, c)
			require.NoError(t, err)
			require.NotEmpty(t, plaintext)
			b, err := Builder{}.Message(pipeline.Stanza{To: a.To, ID: "7", Content: c, Envelopes: []omemo.Envelope{{Profile: engine.Profile03, SID: 1}}})
			require.NoError(t, err)
			require.NotContains(t, string(b), "urn:xmpp:reactions")
			m := parseStanza(t, b)
			got, err := Builder{}.Content(engine.Profile03, a, contentOf(&m, true), plaintext)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestContentOfOthers(t *testing.T) {
	for name, test := range map[string]struct {
		xml  string
		want pipeline.Content
	}{
		"quotation of another client": {
			`<body>&gt; Anna wrote:
&gt; Hi
&gt;
&gt;Ho
yes</body><reply xmlns='urn:xmpp:reply:0' to='anna@example.com' id='1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='25'/></fallback>`,
			pipeline.Content{Body: "yes", Reply: &pipeline.Reply{ID: "1", Author: "anna@example.com", Quote: "Anna wrote:\nHi\n\nHo"}},
		},
		"a region beyond the end": {
			`<body>yes</body><reply xmlns='urn:xmpp:reply:0' id='1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='1' end='9'/></fallback>`,
			pipeline.Content{Body: "yes", Reply: &pipeline.Reply{ID: "1"}},
		},
		"fallback of nothing": {
			`<body>yes</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'/>`, pipeline.Content{Body: "yes"},
		},
		"reaction with a text for others": {
			`<body>👍</body><reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>👍</reaction></reactions>` +
				`<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reactions:0'><body/></fallback>`,
			pipeline.Content{Reacts: &pipeline.Reacts{ID: "1", Emojis: []string{"👍"}}},
		},
		"retraction that says to be a moderator's": {
			`<body>x</body><retract xmlns='urn:xmpp:message-retract:1' id='1'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract>`,
			pipeline.Content{Body: "x"},
		},
		"OTR query":  {`<body>?OTRv23?</body>`, pipeline.Content{Body: "?OTRv23?", OTR: pipeline.ReasonOTRQuery}},
		"OTR data":   {`<body>?OTR:AAMC.</body>`, pipeline.Content{OTR: pipeline.ReasonOTRData}},
		"OTR error":  {`<body>?OTR Error: no</body>`, pipeline.Content{Body: "?OTR Error: no", OTR: pipeline.ReasonOTRError}},
		"OTR tagged": {"<body>hi \t  \t\t\t\t \t \t \t    \t\t  \t </body>", pipeline.Content{Body: "hi"}},
		"acknowledged, as it was": {
			`<acknowledged xmlns='urn:xmpp:chat-markers:0' id='1'/>`, pipeline.Content{Displayed: "1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := parseStanza(t, []byte(`<message xmlns='jabber:client' from='bob@example.org' type='chat'>`+test.xml+`</message>`))
			require.Equal(t, test.want, contentOf(&m, false))
		})
	}
}

// A server cannot add files or a text to what is encrypted.
func TestNothingIsAddedFromOutside(t *testing.T) {
	m := parseStanza(t, []byte(`<message xmlns='jabber:client' from='bob@example.org' type='chat'><body>fallback</body>`+
		`<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'/><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='https://evil.example/x'/></sources></file-sharing>`+
		`</message>`))
	require.NotEmpty(t, contentOf(&m, false).Files)
	c, err := Builder{}.Content(engine.Profile03, pipeline.Affix{}, contentOf(&m, true), []byte("text"))
	require.NoError(t, err)
	require.Equal(t, pipeline.Content{Body: "text"}, c)
}

// FuzzContent checks that no text is cut from a message but what is there.
func FuzzContent(f *testing.F) {
	f.Add("> a\nb", 0, 4, true)
	f.Add("👍", 0, -1, false)
	f.Fuzz(func(t *testing.T, body string, from, upto int, reply bool) {
		c := content{pipeline.Content{Body: body, Cuts: []pipeline.Cut{{From: from, Upto: upto, Reply: reply}}}}
		if reply {
			c.Reply = &pipeline.Reply{ID: "1"}
		}
		got := c.cut()
		require.LessOrEqual(t, len(got.Body), len(body))
		require.Empty(t, got.Cuts)
	})
}
