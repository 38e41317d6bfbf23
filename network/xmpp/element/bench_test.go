// SPDX-License-Identifier: MPL-2.0

package element_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/confab-im/confab/network/xmpp/element"
)

const chat = `<message xml:lang='en' to='juliet@capulet.example/balcony' from='romeo@montague.example/orchard' type='chat' id='ead5b2b8-4a56-4dd9-ae6c-1c1f9f3f4c8d'>` +
	`<body>Wherefore art thou? &lt;3 &amp; more</body><origin-id xmlns='urn:xmpp:sid:0' id='ead5b2b8-4a56-4dd9-ae6c-1c1f9f3f4c8d'/>` +
	`<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/><active xmlns='http://jabber.org/protocol/chatstates'/>` +
	`<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example' id='6b0c0b1a-9c5c-4f26-b7b8-3d7d6a1f0f0b'/></message>`

const omemo = `<message to='juliet@capulet.example' from='romeo@montague.example/orchard' type='chat' id='m1'>` +
	`<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='27183'><key rid='31415'>BASE64BASE64BASE64BASE64BASE64BASE64</key>` +
	`<key prekey='true' rid='12321'>BASE64BASE64BASE64BASE64BASE64BASE64</key><iv>BASE64BASE64</iv></header><payload>BASE64</payload></encrypted>` +
	`<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl' name='OMEMO'/><store xmlns='urn:xmpp:hints'/></message>`

var roster = func() string {
	var b strings.Builder
	b.WriteString("<iq type='result' id='r1'><query xmlns='jabber:iq:roster' ver='ver11'>")
	for i := range 200 {
		fmt.Fprintf(&b, "<item jid='contact%d@example.net' name='Contact &#xe9; %d' subscription='both'><group>Friends</group></item>", i, i)
	}
	b.WriteString("</query></iq>")
	return b.String()
}()

func BenchmarkParse(b *testing.B) {
	for name, s := range map[string]string{"chat": chat, "omemo": omemo, "roster": roster} {
		in := []byte(s)
		b.Run(name+"/element", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				if _, err := element.Parse(in, element.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/encoding-xml", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				d := xml.NewDecoder(strings.NewReader(s))
				for {
					if _, err := d.Token(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkAppendXML(b *testing.B) {
	e, err := element.Parse([]byte(chat), element.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendXML(buf[:0])
	}
}
