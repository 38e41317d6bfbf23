// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/confab-im/confab/storage/backend"
)

// The key file, version 1; integers are big endian:
//
//	 0  4  "CFBK"
//	 4  1  version, 1
//	 5  1  flags: 1 = holds a wrapped data key, 2 = holds the database's salt
//	 6 16  the database's salt, or zeros
//	22  4  Argon2id passes          ┐
//	26  4  Argon2id memory in KiB   │ only with flag 1
//	30  1  Argon2id lanes           │
//	31 16  Argon2id salt            │
//	47 24  XChaCha20-Poly1305 nonce │
//	71 48  sealed data key          ┘
//
// Everything before the sealed data key is its associated data.
const (
	envelopeMagic   = "CFBK"
	envelopeVersion = 1

	flagWrapped = 1
	flagSalt    = 2

	envelopeHeader = 22
	envelopeSealed = 71
	envelopeSize   = envelopeSealed + backend.KeySize + chacha20poly1305.Overhead
)

// argonParams is the cost of a passphrase.
type argonParams struct {
	passes uint32
	memory uint32 // KiB
	lanes  uint8
}

// defaultArgon is the second recommended option of RFC 9106, section 4: three
// passes over 64 MiB with four lanes.
var defaultArgon = argonParams{passes: 3, memory: 64 * 1024, lanes: 4}

// Bounds on what a key file may ask for, so that a damaged or malicious one
// cannot exhaust the device before it is refused.
const (
	maxArgonPasses = 64
	maxArgonMemory = 1024 * 1024 // KiB
)

// envelope is a decoded key file.
type envelope struct {
	salt    []byte // nil, or the database's salt
	wrapped bool
	argon   argonParams
	kdfSalt [16]byte
	nonce   [chacha20poly1305.NonceSizeX]byte
	sealed  []byte
}

// sealEnvelope wraps key under passphrase.
func sealEnvelope(passphrase []byte, key *backend.Key, salt []byte, p argonParams) (*envelope, error) {
	e := &envelope{salt: salt, wrapped: true, argon: p}
	_, _ = rand.Read(e.kdfSalt[:])
	_, _ = rand.Read(e.nonce[:])
	kek := e.derive(passphrase)
	defer clear(kek)
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	e.sealed = aead.Seal(nil, e.nonce[:], key.Bytes(), e.header())
	return e, nil
}

// open unwraps the data key; a wrong passphrase and a damaged file cannot be
// told apart and give ErrKey.
func (e *envelope) open(passphrase []byte) (*backend.Key, error) {
	if !e.wrapped {
		return nil, ErrKeyFile
	}
	kek := e.derive(passphrase)
	defer clear(kek)
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	raw, err := aead.Open(nil, e.nonce[:], e.sealed, e.header())
	if err != nil {
		return nil, ErrKey
	}
	defer clear(raw)
	key, ok := backend.NewKey(raw)
	if !ok {
		return nil, ErrKeyFile
	}
	return key, nil
}

func (e *envelope) derive(passphrase []byte) []byte {
	return argon2.IDKey(passphrase, e.kdfSalt[:], e.argon.passes, e.argon.memory, e.argon.lanes, chacha20poly1305.KeySize)
}

// header encodes all that comes before the sealed key.
func (e *envelope) header() []byte {
	b := make([]byte, 0, envelopeSize)
	var flags byte
	if e.wrapped {
		flags |= flagWrapped
	}
	if e.salt != nil {
		flags |= flagSalt
	}
	b = append(b, envelopeMagic...)
	b = append(b, envelopeVersion, flags)
	var salt [backend.SaltSize]byte
	copy(salt[:], e.salt)
	b = append(b, salt[:]...)
	if !e.wrapped {
		return b
	}
	b = binary.BigEndian.AppendUint32(b, e.argon.passes)
	b = binary.BigEndian.AppendUint32(b, e.argon.memory)
	b = append(b, e.argon.lanes)
	b = append(b, e.kdfSalt[:]...)
	return append(b, e.nonce[:]...)
}

func (e *envelope) encode() []byte { return append(e.header(), e.sealed...) }

// decodeEnvelope reads a key file. It accepts exactly what encode writes.
func decodeEnvelope(b []byte) (*envelope, error) {
	if len(b) < envelopeHeader || string(b[:4]) != envelopeMagic {
		return nil, fmt.Errorf("read key file: %w: not a key file", ErrKeyFile)
	}
	if b[4] != envelopeVersion {
		return nil, fmt.Errorf("read key file: %w: unknown version", ErrKeyFile)
	}
	flags := b[5]
	e := &envelope{wrapped: flags&flagWrapped != 0}
	size := envelopeHeader
	if e.wrapped {
		size = envelopeSize
	}
	if flags == 0 || flags > flagWrapped|flagSalt || len(b) != size {
		return nil, fmt.Errorf("read key file: %w: wrong size or flags", ErrKeyFile)
	}
	salt := b[6:envelopeHeader]
	if flags&flagSalt != 0 {
		e.salt = append([]byte(nil), salt...)
	} else if [backend.SaltSize]byte(salt) != ([backend.SaltSize]byte{}) {
		return nil, fmt.Errorf("read key file: %w: unexpected salt", ErrKeyFile)
	}
	if !e.wrapped {
		return e, nil
	}
	e.argon = argonParams{
		passes: binary.BigEndian.Uint32(b[22:]),
		memory: binary.BigEndian.Uint32(b[26:]),
		lanes:  b[30],
	}
	if e.argon.passes < 1 || e.argon.passes > maxArgonPasses || e.argon.lanes < 1 ||
		e.argon.memory < 8*uint32(e.argon.lanes) || e.argon.memory > maxArgonMemory {
		return nil, fmt.Errorf("read key file: %w: cost out of range", ErrKeyFile)
	}
	copy(e.kdfSalt[:], b[31:47])
	copy(e.nonce[:], b[47:envelopeSealed])
	e.sealed = append([]byte(nil), b[envelopeSealed:]...)
	return e, nil
}
