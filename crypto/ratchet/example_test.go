// SPDX-License-Identifier: MPL-2.0

package ratchet_test

import (
	"fmt"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/ratchet"
)

// Two devices, one message. Errors are left out for the sake of brevity.
func Example() {
	e, p := ratchet.New(), engine.Profile2

	// Bob publishes his keys.
	bob, _ := engine.NewIdentityKey(nil, 2002)
	signed, _ := engine.NewPreKey(nil, 1)
	oneTime, _ := engine.NewPreKey(nil, 7)
	covered, _ := engine.SignedBytes(p, signed.Public)
	signature, _ := e.Sign(bob, covered)
	bundle := engine.Bundle{
		DeviceID: bob.RegistrationID, Identity: bob.Public,
		SignedPreKeyID: signed.ID, SignedPreKey: signed.Public, Signature: signature,
		PreKeyID: oneTime.ID, PreKey: oneTime.Public,
	}

	// Alice begins a session and writes.
	alice, _ := engine.NewIdentityKey(nil, 1001)
	hers, _ := e.Initiate(p, alice, bundle)
	hers, wire, isKeyExchange, _ := e.Encrypt(hers, []byte("hello"))
	fmt.Println(isKeyExchange)

	// Bob accepts it and answers.
	his, plain, _ := e.Accept(p, bob, signed, oneTime, wire)
	fmt.Printf("%s\n", plain)
	_, wire, _, _ = e.Encrypt(his, []byte("hello yourself"))
	_, plain, err := e.Decrypt(hers, wire)
	fmt.Printf("%s %v\n", plain, err)
	// Output:
	// true
	// hello
	// hello yourself <nil>
}
