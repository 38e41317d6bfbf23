// SPDX-License-Identifier: MPL-2.0

package xmpp_test

import (
	"fmt"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp"
	"github.com/confab-im/confab/network/xmpp/element"
)

func ExampleParseMessage() {
	self := jid.MustParse("juliet@capulet.example")
	// Anybody can send this; only our own account may.
	stanza, err := element.Parse([]byte(`<message from='mallory@evil.example'><sent xmlns='urn:xmpp:carbons:2'>`+
		`<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='juliet@capulet.example/x' to='romeo@montague.example'>`+
		`<body>Never again.</body></message></forwarded></sent></message>`), element.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = xmpp.ParseMessage(stanza, self)
	fmt.Println(err)

	m := xmpp.Message{To: jid.MustParse("romeo@montague.example"), Type: "chat", ID: "m1", OriginID: "m1", Body: "<3"}
	fmt.Println(string(m.Build().Bytes()))
	// Output:
	// parse message: forged stanza: carbon
	// <message to='romeo@montague.example' type='chat' id='m1'><body>&lt;3</body><origin-id xmlns='urn:xmpp:sid:0' id='m1'/></message>
}
