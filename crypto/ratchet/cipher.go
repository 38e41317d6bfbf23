// SPDX-License-Identifier: MPL-2.0

package ratchet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"

	"github.com/confab-im/confab/crypto/engine"
)

// messageKeys are the keys of one message: 32 bytes for AES-256, 32 for the MAC
// and 16 of IV.
type messageKeys [80]byte

func (k *messageKeys) cipherKey() []byte { return k[:32] }
func (k *messageKeys) macKey() []byte    { return k[32:64] }
func (k *messageKeys) iv() []byte        { return k[64:] }
func (k *messageKeys) wipe()             { clear(k[:]) }

// paddedSize is the size of n bytes with PKCS#7 padding (RFC 5652 §6.3).
func paddedSize(n int) int { return n + aes.BlockSize - n%aes.BlockSize }

// appendSealed appends the padded and encrypted plaintext.
func (k *messageKeys) appendSealed(b, plaintext []byte) ([]byte, error) {
	block, err := aes.NewCipher(k.cipherKey())
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", engine.ErrEngine)
	}
	start := len(b)
	b = append(b, plaintext...)
	pad := paddedSize(len(plaintext)) - len(plaintext)
	for range pad {
		b = append(b, byte(pad))
	}
	cipher.NewCBCEncrypter(block, k.iv()).CryptBlocks(b[start:], b[start:])
	return b, nil
}

// mac is the whole HMAC of a message; profiles send its front.
func (k *messageKeys) mac(s *suite, associated *[2][32]byte, covered []byte) (sum secret) {
	key := secret(k.macKey())
	hmac256(&sum, &key, s.typeByte, associated[0][:], s.typeByte, associated[1][:], covered)
	clear(key[:])
	return sum
}

// open verifies and decrypts a message. The ciphertext consists of whole blocks.
// Errors: ErrBadMAC; ErrMalformed for bad padding, which only who knows the keys
// can make.
func (k *messageKeys) open(s *suite, associated *[2][32]byte, m *message) ([]byte, error) {
	sum := k.mac(s, associated, m.covered)
	if len(m.mac) != s.macSize || subtle.ConstantTimeCompare(sum[:s.macSize], m.mac) != 1 {
		return nil, fmt.Errorf("verify message: %w", engine.ErrBadMAC)
	}
	block, err := aes.NewCipher(k.cipherKey())
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", engine.ErrEngine)
	}
	plain := make([]byte, len(m.ciphertext))
	cipher.NewCBCDecrypter(block, k.iv()).CryptBlocks(plain, m.ciphertext)
	n, ok := unpadded(plain)
	if !ok || n > engine.MaxPlaintext {
		clear(plain)
		return nil, fmt.Errorf("check padding: %w", engine.ErrMalformed)
	}
	return plain[:n], nil
}

// unpadded is the size of what stands before the PKCS#7 padding of whole blocks.
func unpadded(b []byte) (n int, ok bool) {
	pad := int(b[len(b)-1])
	if pad == 0 || pad > aes.BlockSize {
		return 0, false
	}
	n = len(b) - pad
	for _, p := range b[n:] {
		if int(p) != pad {
			return 0, false
		}
	}
	return n, true
}
