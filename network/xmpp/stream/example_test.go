// SPDX-License-Identifier: MPL-2.0

package stream_test

import (
	"context"
	"fmt"
	"log"

	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/sasl"
	"github.com/confab-im/confab/network/xmpp/stream"
)

func Example() {
	dialer, err := dial.New(dial.Config{Domain: "example.org"})
	if err != nil {
		log.Fatal(err)
	}
	s, err := stream.New(stream.Config{
		JID:    jid.MustParse("alice@example.org"),
		Dialer: dialer,
		Auth:   stream.NewCredentials(sasl.Config{Username: "alice", Password: sasl.Password("secret")}, nil),
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()

	buf := make([]stream.Item, 0, 32)
	for {
		items, err := s.Next(ctx, buf)
		if err != nil {
			break
		}
		for _, item := range items {
			switch item.Kind {
			case stream.Online:
				_ = s.Send(ctx, element.New(element.NSClient, "presence"))
			case stream.Stanza:
				fmt.Println(item.Stanza.Name.Local)
			}
			s.Handled(item.Count) // here, once it is stored
		}
	}
	log.Println(<-ended)
}
