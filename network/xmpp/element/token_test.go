// SPDX-License-Identifier: MPL-2.0

package element_test

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/forward"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

func TestTokenReaderDecodesPayloads(t *testing.T) {
	e := parse(t, `<iq type='error' id='1' from='a@b/c'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>Gone</text></error></iq>`)
	var iq stanza.IQ
	require.NoError(t, xml.NewTokenDecoder(e.TokenReader()).Decode(&iq))
	require.Equal(t, stanza.ErrorIQ, iq.Type)
	require.Equal(t, jid.MustParse("a@b/c"), iq.From)
	var serr stanza.Error
	require.NoError(t, xml.NewTokenDecoder(e.Child(element.NSClient, "error").TokenReader()).Decode(&serr))
	require.Equal(t, stanza.ItemNotFound, serr.Condition)
}

func TestTokenReaderKeepsNoNamespace(t *testing.T) {
	e := parse(t, `<a><b xmlns=''><c/></b></a>`)
	var v struct {
		XMLName xml.Name `xml:"jabber:client a"`
		B       struct {
			XMLName xml.Name
			C       struct{ XMLName xml.Name } `xml:"c"`
		} `xml:"b"`
	}
	require.NoError(t, xml.NewTokenDecoder(e.TokenReader()).Decode(&v))
	require.Equal(t, xml.Name{Local: "b"}, v.B.XMLName)
	require.Equal(t, xml.Name{Local: "c"}, v.B.C.XMLName)

	back, err := element.FromTokens(e.TokenReader())
	require.NoError(t, err)
	require.Equal(t, string(e.Bytes()), string(back.Bytes()))
}

func TestFromTokensOfBuilders(t *testing.T) {
	e, err := element.FromTokens(forward.Forwarded{}.Wrap(stanza.Message{Type: stanza.ChatMessage, Lang: "en"}.Wrap(nil)))
	require.NoError(t, err)
	require.True(t, e.Is("urn:xmpp:forward:0", "forwarded"))
	require.NotEmpty(t, e.Children)

	e, err = element.FromTokens(stanza.Error{Type: stanza.Cancel, Condition: stanza.Conflict}.TokenReader())
	require.NoError(t, err)
	require.NotNil(t, e.Child("urn:ietf:params:xml:ns:xmpp-stanzas", "conflict"))
}

func TestFromTokensOfDecoder(t *testing.T) {
	const in = ` <a xmlns='x' xmlns:p='y' xml:lang='en' p:v='1'>t<b xmlns=''/><p:c/></a>rest`
	e, err := element.FromTokens(xml.NewDecoder(strings.NewReader(in)))
	require.NoError(t, err)
	require.Equal(t, "en", e.AttrNS(element.NSXML, "lang"))
	require.Equal(t, "1", e.AttrNS("y", "v"))
	require.Len(t, e.Attr, 2)
	require.NotNil(t, e.Child("", "b"))
	require.NotNil(t, e.Child("y", "c"))
}

func TestFromTokensRefuses(t *testing.T) {
	for in, want := range map[string]error{
		"":                          io.ErrUnexpectedEOF,
		"<a>":                       nil,
		"x<a/>":                     element.ErrSyntax,
		"<a><!-- c --></a>":         element.ErrRestricted,
		strings.Repeat("<a>", 1000): element.ErrLimit,
	} {
		_, err := element.FromTokens(xml.NewDecoder(strings.NewReader(in)))
		require.Error(t, err, in)
		if want != nil {
			require.ErrorIs(t, err, want, in)
		}
	}
	_, err := element.FromTokens(tokens{xml.EndElement{}})
	require.ErrorIs(t, err, element.ErrSyntax)
}

type tokens []xml.Token

func (t tokens) Token() (xml.Token, error) { return t[0], nil }
