// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"errors"
	"testing"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
)

// FuzzDecrypt feeds a device envelopes. Whatever comes, it is read, or refused
// for a reason with the store unchanged.
func FuzzDecrypt(f *testing.F) { fuzzDecrypt(f, engine.Profile03) }

// FuzzDecrypt2 is the same in Profile2.
func FuzzDecrypt2(f *testing.F) { fuzzDecrypt(f, engine.Profile2) }

func fuzzDecrypt(f *testing.F, p engine.Profile) {
	w := worldOf(f, newEngine(), p)
	a, b := w.client(alice), w.client(bob)
	w.sync()
	kex := a.send("genuine", bob)
	b.read(a, kex)
	again := a.send("genuine", bob)
	a.read(b, b.send("answer", alice))
	plain := a.send("genuine", bob)
	for _, env := range []omemo.Envelope{kex, again, plain} {
		f.Add(env.SID, env.Keys[0].PreKey, env.Keys[0].Data, env.IV, env.Payload, false)
		f.Add(env.SID, !env.Keys[0].PreKey, env.Keys[0].Data, env.IV, env.Payload, true)
		f.Add(env.SID+1, env.Keys[0].PreKey, env.Keys[0].Data, env.IV, env.Payload, false)
	}
	f.Add(uint32(0), false, []byte(nil), []byte(nil), []byte(nil), true)
	f.Fuzz(func(t *testing.T, sid uint32, prekey bool, data, iv, payload []byte, empty bool) {
		env := omemo.Envelope{Profile: p, SID: sid, IV: iv, Payload: payload}
		if empty {
			env.Payload = nil
		} else if payload == nil {
			env.Payload = []byte{}
		}
		env.Keys = []omemo.Key{{RID: b.id, JID: bob, PreKey: prekey, Data: data}}
		st := b.st.Clone()
		res, err := b.Decrypt(t.Context(), st, alice, env)
		if err != nil {
			var failed *omemo.DecryptError
			if !errors.As(err, &failed) || failed.Reason == omemo.ReasonEngine {
				t.Fatalf("unexpected error: %v", err)
			}
			if !st.Equal(b.st) {
				t.Fatal("a message that was refused changed the store")
			}
			return
		}
		if !res.Empty && string(res.Plaintext) != "genuine" {
			t.Fatal("a message nobody sent was read")
		}
	})
}
