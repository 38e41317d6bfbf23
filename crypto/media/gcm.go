// SPDX-License-Identifier: MPL-2.0

package media

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

const (
	blockSize = aes.BlockSize
	tagSize   = 16
	// pieceSize is how much is worked on at once: a multiple of blockSize.
	pieceSize = 64 << 10
)

// MaxSize is how many bytes one key may encrypt, NIST SP 800-38D §5.2.1.1.
const MaxSize = 1<<36 - 32

// A gcm is AES-GCM under one key and initialisation vector, for one pass over a
// file.
type gcm struct {
	block cipher.Block
	first [blockSize]byte // the block J0 of NIST SP 800-38D §7.1
	hash  ghash
	size  int64 // bytes hashed
}

func newGCM(k Key) (*gcm, error) {
	block, err := aes.NewCipher(k.key[:k.keySize])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	g := &gcm{block: block}
	if err := g.hash.init(block); err != nil {
		return nil, err
	}
	if k.ivSize == shortIV {
		copy(g.first[:], k.iv[:shortIV])
		g.first[blockSize-1] = 1
		return g, nil
	}
	var padded [2 * blockSize]byte
	n := copy(padded[:blockSize], k.iv[:k.ivSize])
	binary.BigEndian.PutUint64(padded[len(padded)-8:], uint64(n)*8)
	g.hash.write(padded[:])
	g.hash.sum.store(g.first[:])
	g.hash.sum = fieldElement{}
	return g, nil
}

// keystream encrypts or decrypts what is at an offset in the file, a multiple of
// the block size.
func (g *gcm) keystream(dst, src []byte, offset int64) {
	for len(src) > 0 {
		counter := g.first
		low := binary.BigEndian.Uint32(counter[blockSize-4:]) + 1 + uint32(offset/blockSize)
		binary.BigEndian.PutUint32(counter[blockSize-4:], low)
		// Only the last 32 bits count, and begin at 0 again: NIST SP 800-38D
		// §6.2. CTR would carry on into the rest.
		n := len(src)
		if left := (int64(1)<<32 - int64(low)) * blockSize; int64(n) > left {
			n = int(left)
		}
		cipher.NewCTR(g.block, counter[:]).XORKeyStream(dst[:n], src[:n])
		dst, src, offset = dst[n:], src[n:], offset+int64(n)
	}
}

// authenticate hashes ciphertext that follows what was hashed before. All but
// the last piece must be of whole blocks. b is used meanwhile, and then as it
// was.
func (g *gcm) authenticate(b []byte) {
	g.size += int64(len(b))
	whole := len(b) / blockSize * blockSize
	if whole > 0 {
		g.hash.write(b[:whole])
	}
	if whole < len(b) {
		var last [blockSize]byte
		copy(last[:], b[whole:])
		g.hash.write(last[:])
	}
}

// tag returns the tag of all that was hashed.
func (g *gcm) tag() [tagSize]byte {
	lengths := fieldElement{0, uint64(g.size) * 8}
	sum := g.hash.sum.add(lengths).mul(g.hash.key)
	var tag, mask [blockSize]byte
	g.block.Encrypt(mask[:], g.first[:])
	sum.store(tag[:])
	subtle.XORBytes(tag[:], tag[:], mask[:])
	return tag
}

// authentic reports whether tag is that of all that was hashed.
func (g *gcm) authentic(tag []byte) bool {
	want := g.tag()
	return subtle.ConstantTimeCompare(want[:], tag) == 1
}

// A ghash is GHASH, NIST SP 800-38D §6.4, computed by an AEAD: see the package
// comment.
type ghash struct {
	aead    cipher.AEAD
	mask    fieldElement // what every tag of aead under the zero nonce is blinded with
	key     fieldElement // H
	inverse fieldElement // 1/H
	sum     fieldElement // of what was written
	tag     []byte
}

var zeroNonce [12]byte

func (h *ghash) init(block cipher.Block) error {
	var err error
	if h.aead, err = cipher.NewGCM(block); err != nil {
		return fmt.Errorf("make cipher: %w", err)
	}
	var b [blockSize]byte
	block.Encrypt(b[:], b[:])
	h.key = loadElement(b[:])
	h.inverse = h.key.inverse()
	b = [blockSize]byte{blockSize - 1: 1}
	block.Encrypt(b[:], b[:])
	h.mask = loadElement(b[:])
	h.tag = make([]byte, 0, tagSize)
	return nil
}

// write hashes whole blocks, at least one.
func (h *ghash) write(b []byte) {
	// What was hashed before goes on in the first block.
	first := loadElement(b)
	first.add(h.sum).store(b)
	tag := loadElement(h.aead.Seal(h.tag[:0], zeroNonce[:], nil, b))
	first.store(b)
	// tag = (GHASH(b) + lengths) * H + mask
	lengths := fieldElement{uint64(len(b)) * 8, 0}
	h.sum = tag.add(h.mask).mul(h.inverse).add(lengths)
}
