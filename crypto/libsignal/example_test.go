// SPDX-License-Identifier: MPL-2.0

package libsignal_test

import (
	"fmt"
	"log"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/libsignal"
)

// A session from a bundle, and the first message both ways.
func Example() {
	e, profile := libsignal.New(), engine.Profile03
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}

	// Bob publishes a bundle.
	bob, err := engine.NewIdentityKey(nil, 2002)
	check(err)
	signed, err := engine.NewPreKey(nil, 1)
	check(err)
	oneTime, err := engine.NewPreKey(nil, 2)
	check(err)
	covered, err := engine.SignedBytes(profile, signed.Public)
	check(err)
	signature, err := e.Sign(bob, covered)
	check(err)

	// Alice starts a session with it.
	alice, err := engine.NewIdentityKey(nil, 1001)
	check(err)
	aliceState, err := e.Initiate(profile, alice, engine.Bundle{
		DeviceID: 2002, Identity: bob.Public,
		SignedPreKeyID: signed.ID, SignedPreKey: signed.Public, Signature: signature,
		PreKeyID: oneTime.ID, PreKey: oneTime.Public,
	})
	check(err)
	aliceState, wire, kex, err := e.Encrypt(aliceState, []byte("hello Bob"))
	check(err)
	fmt.Println("key exchange:", kex)

	// Bob accepts it and answers.
	bobState, plain, err := e.Accept(profile, bob, signed, oneTime, wire)
	check(err)
	fmt.Println(string(plain))
	_, wire, kex, err = e.Encrypt(bobState, []byte("hello Alice"))
	check(err)
	fmt.Println("key exchange:", kex)
	_, plain, err = e.Decrypt(aliceState, wire)
	check(err)
	fmt.Println(string(plain))
	// Output:
	// key exchange: true
	// hello Bob
	// key exchange: false
	// hello Alice
}
