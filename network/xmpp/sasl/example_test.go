// SPDX-License-Identifier: MPL-2.0

package sasl_test

import (
	"crypto/tls"
	"fmt"

	"github.com/confab-im/confab/network/xmpp/sasl"
)

// A sign-in: choose, start, answer challenges, check the success, and keep
// what was learnt.
func Example() {
	var history sasl.History // stored with the account
	cfg := sasl.Config{Username: "juliet", Password: sasl.Password("r0m30"), History: history}
	offered := []string{"PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"}
	state := tls.ConnectionState{HandshakeComplete: true} // of the connection

	mechanism, err := sasl.Select(cfg, offered, nil, state)
	if err != nil {
		fmt.Println(err)
		return
	}
	initial, err := mechanism.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mechanism.Name(), string(initial[:11]))

	// The server refused: the caller turns its answer into a Failure.
	err = &sasl.Failure{Condition: "not-authorized"}
	_, retry := history.After(mechanism, err)
	fmt.Println(err, retry)

	// Output:
	// SCRAM-SHA-256 y,,n=juliet
	// server refused authentication: not-authorized false
}
