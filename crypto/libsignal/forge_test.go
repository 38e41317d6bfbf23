// SPDX-License-Identifier: MPL-2.0

package libsignal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mau.fi/libsignal/kdf"
	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/keys/message"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/state/record"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
)

// forger makes messages that a hostile peer, who has the keys of its own
// session, can make: everything is free but the MAC is right.
type forger struct {
	version byte
	counter uint32              // messages ahead of the session
	body    func([]byte) []byte // changes the padded plaintext
	cipher  func([]byte) []byte // changes the ciphertext
	after   []byte              // appended to the protobuf
	hidden  []byte              // appended to the protobuf, not covered by the MAC
}

func (f forger) message(t testing.TB, sender engine.State, text string) []byte {
	t.Helper()
	s, _, err := decodeState(sender)
	require.NoError(t, err)
	key := chain.NewKeyFromStruct(s.SenderChain.ChainKey, kdf.DeriveSecrets)
	for range f.counter {
		key = key.NextKey()
	}
	keys := key.MessageKeys()
	plain := pad([]byte(text))
	if f.body != nil {
		plain = f.body(plain)
	}
	body := cbc(t, keys, plain)
	if f.cipher != nil {
		body = f.cipher(body)
	}
	pb := appendBytes(nil, 1, s.SenderChain.SenderRatchetKeyPublic)
	pb = appendVarint(pb, 2, key.Index())
	pb = appendVarint(pb, 3, s.PreviousCounter)
	pb = appendBytes(pb, 4, body)
	pb = append(pb, f.after...)
	version := f.version
	if version == 0 {
		version = versionByte
	}
	mac := hmac.New(sha256.New, keys.MacKey())
	mac.Write(s.LocalIdentityPublic)
	mac.Write(s.RemoteIdentityPublic)
	mac.Write([]byte{versionByte})
	mac.Write(pb)
	wire := append(append([]byte{version}, pb...), f.hidden...)
	return append(wire, mac.Sum(nil)[:macSize]...)
}

func pad(b []byte) []byte {
	n := aes.BlockSize - len(b)%aes.BlockSize
	for range n {
		b = append(b, byte(n))
	}
	return b
}

func cbc(t testing.TB, keys *message.Keys, plain []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(keys.CipherKey())
	require.NoError(t, err)
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(block, keys.Iv()).CryptBlocks(out, plain)
	return out
}

func varint(b []byte, v uint32) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func appendVarint(b []byte, field byte, v uint32) []byte {
	return varint(append(b, tag(field, wireVarint)), v)
}

func appendBytes(b []byte, field byte, v []byte) []byte {
	return append(varint(append(b, tag(field, wireBytes)), uint32(len(v))), v...)
}

// wrap puts a message into a key exchange of the sender's session.
func wrap(t testing.TB, sender engine.State, inner []byte) []byte {
	t.Helper()
	s, _, err := decodeState(sender)
	require.NoError(t, err)
	return wrapAs(t, s, inner)
}

func wrapAs(t testing.TB, s *record.StateStructure, inner []byte) []byte {
	t.Helper()
	require.NotNil(t, s.PendingPreKey)
	pb := appendVarint([]byte{versionByte}, 1, s.PendingPreKey.PreKeyID.Value)
	pb = appendBytes(pb, 2, s.SenderBaseKey)
	pb = appendBytes(pb, 3, s.LocalIdentityPublic)
	pb = appendBytes(pb, 4, inner)
	pb = appendVarint(pb, 5, s.LocalRegistrationID)
	return appendVarint(pb, 6, s.PendingPreKey.SignedPreKeyID)
}

// module decrypts with the bare module, as its own documentation does, and
// tells what the session is afterwards.
func module(t testing.TB, s engine.State, wire []byte) (after *record.StateStructure, plain []byte, err error) {
	t.Helper()
	before, _, err := decodeState(s)
	require.NoError(t, err)
	c, err := newCallOn(before)
	require.NoError(t, err)
	msg, err := protocol.NewSignalMessageFromBytes(wire, c.format.SignalMessage)
	if err != nil {
		return nil, nil, err
	}
	plain, _, err = c.cipher().DecryptWithRecord(context.Background(), c.session, msg)
	return c.state(), plain, err
}

func encoded(t testing.TB, s *record.StateStructure) engine.State {
	t.Helper()
	b, err := encodeState(engine.Profile03, s)
	require.NoError(t, err)
	return b
}

func parties(t testing.TB) (a, b *enginetest.Party) {
	t.Helper()
	return enginetest.NewParty(t, New(), engine.Profile03, 1), enginetest.NewParty(t, New(), engine.Profile03, 2)
}

func pairOf(t testing.TB) (alice, bob *enginetest.Session) {
	t.Helper()
	return enginetest.Pair(t, New(), engine.Profile03)
}

// The forger itself makes good messages unless told otherwise.
func TestForger(t *testing.T) {
	alice, bob := pairOf(t)
	wire := forger{}.message(t, alice.State, "genuine")
	own, _ := alice.Encrypt(t, "genuine")
	require.Equal(t, own, wire)
	_, plain, err := module(t, bob.State, wire)
	require.NoError(t, err)
	require.Equal(t, "genuine", string(plain))
	require.Equal(t, "genuine", bob.Decrypt(t, wire))
	require.Equal(t, "ahead", bob.Decrypt(t, forger{counter: 3}.message(t, alice.State, "ahead")))

	a, b := parties(t)
	sender := a.Initiate(t, b)
	kex := wrap(t, sender.State, forger{}.message(t, sender.State, "genuine"))
	own, _ = sender.Encrypt(t, "genuine")
	require.Equal(t, own, kex)
}
