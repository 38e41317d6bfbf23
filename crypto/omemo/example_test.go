// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"context"
	"fmt"
	"log"

	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
)

// Alice writes to Bob. What is published and sent goes straight from one to the
// other here.
func Example() {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	alice, err := omemo.New(omemo.Config{Engine: newEngine(), JID: "alice@example.org"})
	check(err)
	bob, err := omemo.New(omemo.Config{Engine: newEngine(), JID: "bob@example.org"})
	check(err)
	aliceStore, bobStore := omemotest.NewStore(), omemotest.NewStore()
	_, err = alice.Setup(ctx, aliceStore)
	check(err)
	_, err = bob.Setup(ctx, bobStore)
	check(err)

	// Bob's device list arrives; a bundle is missing and is fetched.
	bundle, err := bob.OwnBundle(ctx, bobStore)
	check(err)
	_, err = alice.UpdateDevices(ctx, aliceStore, bob.JID(), listed(bundle.Device))
	check(err)
	missing, err := alice.MissingSessions(ctx, aliceStore, []string{bob.JID()})
	check(err)
	for _, device := range missing {
		check(alice.AddBundle(ctx, aliceStore, device, bundle.PublishedBundle))
	}

	envelope, _, err := alice.Encrypt(ctx, aliceStore, []byte("hello"), []string{bob.JID()})
	check(err)
	result, err := bob.Decrypt(ctx, bobStore, alice.JID(), envelope)
	check(err)
	fmt.Println(string(result.Plaintext), result.Trust, result.AnswerNeeded)
	// Output: hello blind true
}
