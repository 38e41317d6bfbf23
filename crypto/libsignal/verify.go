// SPDX-License-Identifier: MPL-2.0

package libsignal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/kdf"
	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/keys/message"
	"go.mau.fi/libsignal/keys/root"
	"go.mau.fi/libsignal/state/record"

	"github.com/confab-im/confab/crypto/engine"
)

// authenticate checks a message against a session, over the exact bytes that
// came in, before the module sees it, and changes nothing. The module on its
// own steps the ratchet first and checks a re-encoding afterwards.
//
// newChain tells that the message starts a chain of its own. The work is bounded
// by one scalar multiplication and MaxSkip chain steps.
func authenticate(s *record.StateStructure, m ratchetMessage) (newChain bool, err error) {
	keys, newChain, err := messageKeys(s, m)
	if err != nil {
		return false, err
	}
	mac := hmac.New(sha256.New, keys.MacKey())
	mac.Write(s.RemoteIdentityPublic)
	mac.Write(s.LocalIdentityPublic)
	mac.Write(m.signed)
	if !hmac.Equal(mac.Sum(nil)[:macSize], m.mac) {
		return false, fmt.Errorf("verify message: %w", engine.ErrBadMAC)
	}
	if err := checkPadding(keys, m.ciphertext); err != nil {
		return false, err
	}
	return newChain, nil
}

func messageKeys(s *record.StateStructure, m ratchetMessage) (*message.Keys, bool, error) {
	current, newChain, err := chainFor(s, m.ratchet)
	if err != nil {
		return nil, false, err
	}
	key := chain.NewKeyFromStruct(current.ChainKey, kdf.DeriveSecrets)
	if m.counter < key.Index() {
		for _, k := range current.MessageKeys {
			if k.Index == m.counter {
				return message.NewKeysFromStruct(k), false, nil
			}
		}
		return nil, false, fmt.Errorf("find message key: %w", engine.ErrDuplicate)
	}
	if m.counter-key.Index() > engine.MaxSkip {
		return nil, false, fmt.Errorf("find message key: %w", engine.ErrTooManySkipped)
	}
	for key.Index() < m.counter {
		key = key.NextKey()
	}
	return key.MessageKeys(), newChain, nil
}

// chainFor finds the receiver chain of a ratchet key or works out the one that
// it would start.
func chainFor(s *record.StateStructure, ratchet engine.PublicKey) (*record.ChainStructure, bool, error) {
	for _, c := range s.ReceiverChains {
		if bytes.Equal(c.SenderRatchetKeyPublic[1:], ratchet[:]) {
			return c, false, nil
		}
	}
	own := ecc.NewECKeyPair(
		ecc.NewDjbECPublicKey([32]byte(s.SenderChain.SenderRatchetKeyPublic[1:])),
		ecc.NewDjbECPrivateKey([32]byte(s.SenderChain.SenderRatchetKeyPrivate)),
	)
	pair, err := root.NewKey(kdf.DeriveSecrets, s.RootKey).CreateChain(point(ratchet), own)
	if err != nil {
		return nil, false, fmt.Errorf("step ratchet: %w", engine.ErrEngine)
	}
	return &record.ChainStructure{
		ChainKey: &chain.KeyStructure{Key: pair.ChainKey.Key(), Index: pair.ChainKey.Index()},
	}, true, nil
}

// checkPadding looks at the last block of the plaintext: PKCS#7, every byte.
func checkPadding(keys *message.Keys, ciphertext []byte) error {
	block, err := aes.NewCipher(keys.CipherKey())
	if err != nil {
		return fmt.Errorf("make cipher: %w", engine.ErrEngine)
	}
	last := len(ciphertext) - aes.BlockSize
	iv := keys.Iv()
	if last > 0 {
		iv = ciphertext[last-aes.BlockSize : last]
	}
	var plain [aes.BlockSize]byte
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain[:], ciphertext[last:])
	pad := int(plain[aes.BlockSize-1])
	if pad < 1 || pad > aes.BlockSize {
		return malformed("padding")
	}
	for _, b := range plain[aes.BlockSize-pad:] {
		if int(b) != pad {
			return malformed("padding")
		}
	}
	return nil
}
