// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"testing"

	"github.com/confab-im/confab/core"
	"github.com/stretchr/testify/require"
)

// RFC 5122, XEP-0147, XEP-0379.
func TestParseLink(t *testing.T) {
	for text, want := range map[string]core.Link{
		"xmpp:bob@example.org":                                   {Action: core.LinkChat, Peer: "bob@example.org"},
		"xmpp:bob@example.org/phone?message;body=a%20b":          {Action: core.LinkChat, Peer: "bob@example.org", Body: "a b"},
		"xmpp:bob@example.org?subscribe":                         {Action: core.LinkContact, Peer: "bob@example.org"},
		"xmpp:r@rooms.example.org?join":                          {Action: core.LinkRoom, Peer: "r@rooms.example.org"},
		"xmpp:bob@example.org?remove":                            {Action: core.LinkOther, Peer: "bob@example.org"},
		"https://example.org/i/#bob@example.org?roster;name=Bob": {Action: core.LinkContact, Peer: "bob@example.org", Name: "Bob"},
	} {
		x, err := core.ParseLink(text)
		require.NoError(t, err, text)
		require.True(t, want == x, text)
	}
	x, err := core.ParseLink("xmpp:example.org?register;preauth=T")
	require.NoError(t, err)
	require.True(t, x.OpensAccount)
	require.Equal(t, core.LinkRegister, x.Action)
	for _, text := range []string{"", "https://example.org/", "bob@example.org", "xmpp:"} {
		_, err := core.ParseLink(text)
		require.ErrorIs(t, err, core.ErrBadLink)
	}
}
