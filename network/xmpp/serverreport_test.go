// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/stanza"
)

// XEP-0157.
func TestContacts(t *testing.T) {
	i, err := ParseInfo(parse(t, `<query xmlns='http://jabber.org/protocol/disco#info'><x xmlns='jabber:x:data' type='result'>`+
		`<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/network/serverinfo</value></field>`+
		`<field var='abuse-addresses'><value>mailto:abuse@x</value><value>nonsense</value><value>xmpp:abuse@x</value></field><field var='status-addresses'/></x></query>`))
	require.NoError(t, err)
	require.Equal(t, Contacts{Abuse: []string{"mailto:abuse@x", "xmpp:abuse@x"}}, ParseContacts(i))
	require.Equal(t, Contacts{}, ParseContacts(Info{}))
}

// XEP-0215.
func TestExternalServices(t *testing.T) {
	c, _ := newTest(t, Config{}, exchange{stanza.GetIQ, "capulet.example", `<services xmlns='urn:xmpp:extdisco:2'/>`,
		`<services xmlns='urn:xmpp:extdisco:2'><service host='a' port='3478' type='turn' transport='udp' username='u' password='p' restricted='1' expires='2030-01-01T00:00:00Z'/>` +
			`<service host='b' type='stun'/><service host='c' port='65536' type='stun'/><service type='stun'/><service host='d'/></services>`})
	list, err := c.FetchExternalServices(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, ExternalService{
		Type: "turn", Host: "a", Port: 3478, Transport: "udp", Username: "u", Password: "p", Restricted: true,
		Expires: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
	}, list[0])
}

func FuzzExternalServices(f *testing.F) {
	f.Add(`<services xmlns='urn:xmpp:extdisco:2'><service host='a' port='3478' type='turn' expires='x'/></services>`)
	f.Fuzz(func(t *testing.T, s string) {
		if e, ok := fuzzed(s); ok {
			for _, v := range parseExternalServices(e) {
				require.NotEmpty(t, v.Host)
			}
		}
	})
}
