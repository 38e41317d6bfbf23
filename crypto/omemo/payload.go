// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/confab-im/confab/crypto/engine"
)

// errPayload is what a scheme answers with; Decrypt turns it into a Reason.
var (
	errPayload  = errors.New("payload not authentic")
	errMaterial = errors.New("key material of a wrong length")
)

// scheme is how a profile encrypts the payload that all devices share. material
// is what travels inside each <key/>.
type scheme interface {
	seal(random io.Reader, plaintext []byte) (material, iv, payload []byte, err error)
	open(material, iv, payload []byte) ([]byte, error)
	// empty makes the material and IV of a message without a payload.
	empty(random io.Reader) (material, iv []byte, err error)
	// isEmpty tells whether material may come without a payload.
	isEmpty(material []byte) bool
	namesOwner() bool // key elements name the owner of the device
}

func schemeFor(p engine.Profile) (scheme, error) {
	switch p {
	case engine.Profile03:
		return gcm03{}, nil
	case engine.Profile2:
		return cbc2{}, nil
	default:
		return nil, engine.ErrUnsupported
	}
}

// gcm03 is XEP-0384 0.3 §4.4: AES-128-GCM, with key and tag inside <key/>.
type gcm03 struct{}

const (
	keySize03 = 16
	tagSize03 = 16
	ivSize03  = 12
	ivOld03   = 16 // accepted, as older clients send it
)

func (gcm03) seal(random io.Reader, plaintext []byte) (material, iv, payload []byte, err error) {
	var secret [keySize03 + ivSize03]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return nil, nil, nil, fmt.Errorf("make content key: %w", err)
	}
	key, iv := secret[:keySize03], secret[keySize03:]
	aead, err := newGCM(key, ivSize03)
	if err != nil {
		return nil, nil, nil, err
	}
	sealed := aead.Seal(make([]byte, 0, len(plaintext)+tagSize03), iv, plaintext, nil)
	payload, tag := sealed[:len(plaintext):len(plaintext)], sealed[len(plaintext):]
	material = append(append(make([]byte, 0, keySize03+tagSize03), key...), tag...)
	return material, append([]byte(nil), iv...), payload, nil
}

func (gcm03) open(material, iv, payload []byte) ([]byte, error) {
	if len(material) != keySize03+tagSize03 || (len(iv) != ivSize03 && len(iv) != ivOld03) {
		return nil, errMaterial
	}
	aead, err := newGCM(material[:keySize03], len(iv))
	if err != nil {
		return nil, err
	}
	sealed := append(append(make([]byte, 0, len(payload)+tagSize03), payload...), material[keySize03:]...)
	plain, err := aead.Open(sealed[:0], iv, sealed, nil)
	if err != nil {
		return nil, errPayload
	}
	return plain, nil
}

func (gcm03) empty(random io.Reader) (material, iv []byte, err error) {
	b := make([]byte, keySize03+ivSize03)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, nil, fmt.Errorf("make content key: %w", err)
	}
	return b[:keySize03:keySize03], b[keySize03:], nil
}

func (gcm03) isEmpty(material []byte) bool {
	return len(material) == keySize03 || len(material) == keySize03+tagSize03
}

func (gcm03) namesOwner() bool { return false }

func newGCM(key []byte, ivSize int) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, ivSize)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return aead, nil
}

// cbc2 is XEP-0384 §4.4: a 32-byte key is stretched with HKDF-SHA-256 into keys
// for AES-256-CBC and HMAC-SHA-256, whose first 16 bytes travel with the key.
type cbc2 struct{}

const (
	keySize2 = 32
	macSize2 = 16
)

func (cbc2) derive(key []byte) (enc, mac, iv []byte, err error) {
	out, err := hkdf.Key(sha256.New, key, make([]byte, 32), "OMEMO Payload", 80)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("derive payload keys: %w", err)
	}
	return out[:32], out[32:64], out[64:80], nil
}

func (c cbc2) seal(random io.Reader, plaintext []byte) (material, iv, payload []byte, err error) {
	material = make([]byte, keySize2, keySize2+macSize2)
	if _, err := io.ReadFull(random, material); err != nil {
		return nil, nil, nil, fmt.Errorf("make content key: %w", err)
	}
	encKey, macKey, civ, err := c.derive(material)
	if err != nil {
		return nil, nil, nil, err
	}
	block, err := aes.NewCipher(encKey)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("make cipher: %w", err)
	}
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	payload = append(make([]byte, 0, len(plaintext)+pad), plaintext...)
	for range pad {
		payload = append(payload, byte(pad))
	}
	cipher.NewCBCEncrypter(block, civ).CryptBlocks(payload, payload)
	mac := hmac.New(sha256.New, macKey)
	mac.Write(payload)
	return append(material, mac.Sum(nil)[:macSize2]...), nil, payload, nil
}

func (c cbc2) open(material, _, payload []byte) ([]byte, error) {
	if len(material) != keySize2+macSize2 {
		return nil, errMaterial
	}
	encKey, macKey, civ, err := c.derive(material[:keySize2])
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, macKey)
	mac.Write(payload)
	if !hmac.Equal(mac.Sum(nil)[:macSize2], material[keySize2:]) {
		return nil, errPayload
	}
	if len(payload) == 0 || len(payload)%aes.BlockSize != 0 {
		return nil, errPayload
	}
	block, err := aes.NewCipher(encKey)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	plain := make([]byte, len(payload))
	cipher.NewCBCDecrypter(block, civ).CryptBlocks(plain, payload)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > aes.BlockSize {
		return nil, errPayload
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, errPayload
		}
	}
	return plain[:len(plain)-pad], nil
}

func (cbc2) empty(io.Reader) (material, iv []byte, err error) {
	return make([]byte, keySize2), nil, nil
}

func (cbc2) isEmpty(material []byte) bool {
	return len(material) == keySize2 && subtle.ConstantTimeCompare(material, make([]byte, keySize2)) == 1
}

func (cbc2) namesOwner() bool { return true }
