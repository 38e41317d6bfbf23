// SPDX-License-Identifier: MPL-2.0

package dial_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/confab-im/confab/network/xmpp/dial"
)

// An onion service is reached through Tor only; the same account over plain
// DNS is refused before anything leaves the machine.
func Example() {
	cfg := dial.Config{
		Domain:       "example.org",
		Host:         "xmpphostxmpphostxmpphostxmpphostxmpphostxmpphostxmpphost.onion",
		IsolationKey: "juliet@example.org",
	}
	d, err := dial.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := d.Dial(context.Background())
	if err == nil {
		defer func() { _ = conn.Close() }()
		if !conn.DirectTLS {
			// Negotiate STARTTLS here, then:
			err = conn.StartTLS(context.Background())
		}
	}
	fmt.Println(errors.Is(err, dial.ErrOnion))

	var coded interface{ Code() string }
	fmt.Println(errors.As(err, &coded), coded.Code())

	// Output:
	// true
	// true xmpp.dial.onion
}
