// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"hash"
)

// KeyCache remembers the keys derived from a password, which spares the
// iterations and makes the password unnecessary. The keys let their holder
// sign in: keep them like the password. Load and Save are called by the
// goroutine that runs the Mechanism; they must not keep or change the slices
// they are given. mechanism is the name without "-PLUS".
//
// The cache must be emptied when the person enters another password: keys
// found in it are used without a look at Config.Password.
type KeyCache interface {
	Load(mechanism string, salt []byte, iterations int) (clientKey, serverKey []byte, ok bool)
	// Save is called only after the server proved to know the keys.
	Save(mechanism string, salt []byte, iterations int, clientKey, serverKey []byte)
}

// keys are ClientKey and ServerKey of RFC 5802, section 3.
type keys struct {
	client, server []byte
	cached         bool
}

func (k *keys) wipe() {
	clear(k.client)
	clear(k.server)
	*k = keys{}
}

// deriveKeys computes the keys from a password in its prepared form.
func deriveKeys(ctx context.Context, h func() hash.Hash, password, salt []byte, iterations int) (keys, error) {
	salted, err := pbkdf2Block(ctx, h, password, salt, iterations)
	if err != nil {
		return keys{}, err
	}
	defer clear(salted)
	return keys{
		client: mac(h, salted, []byte("Client Key")),
		server: mac(h, salted, []byte("Server Key")),
	}, nil
}

// contextInterval is how many iterations pass between two looks at the
// context: about a millisecond.
const contextInterval = 2048

// pbkdf2Block is Hi() of RFC 5802: one block of PBKDF2 (RFC 8018 section 5.2). The
// standard library's cannot be interrupted, and the iterations are the
// server's to choose.
func pbkdf2Block(ctx context.Context, h func() hash.Hash, password, salt []byte, iterations int) ([]byte, error) {
	prf := hmac.New(h, password)
	prf.Write(salt)
	prf.Write(binary.BigEndian.AppendUint32(nil, 1))
	u := prf.Sum(nil)
	sum := append([]byte(nil), u...)
	for i := 1; i < iterations; i++ {
		if i%contextInterval == 0 && ctx.Err() != nil {
			clear(sum)
			return nil, context.Cause(ctx)
		}
		prf.Reset()
		prf.Write(u)
		u = prf.Sum(u[:0])
		for j := range sum {
			sum[j] ^= u[j]
		}
	}
	clear(u)
	return sum, nil
}

// mac is HMAC() of RFC 5802.
func mac(h func() hash.Hash, key, message []byte) []byte {
	m := hmac.New(h, key)
	m.Write(message)
	return m.Sum(nil)
}
