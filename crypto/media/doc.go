// SPDX-License-Identifier: MPL-2.0

// Package media encrypts files that are shared in messages: AES-256 in
// Galois/Counter Mode as XEP-0454 (OMEMO Media sharing) and XEP-0448 have it, and
// the aesgcm: addresses of the former.
//
//	enc, err := media.NewEncrypter(file)          // under a fresh key
//	err = put(ctx, slot, enc, media.Size(size))   // upload what it reads
//	link := media.Link{URL: slot.Get, Key: enc.Key()}
//	body := link.AESGCM()                         // into an encrypted message
//
// Files of any size are worked on in pieces of 64 KiB. An encrypted file is as
// long as the plain one and 16 bytes for the tag.
//
// Nothing is decrypted before the whole file has been authenticated: [Open] and
// [DecryptFile] read it twice. No key can be used to encrypt twice: every
// encryption makes its own. To send the same file again, keep the encrypted one.
//
// What it does not do: it sends and fetches nothing, and it does not look into
// files.
//
// # How a stream is authenticated
//
// The AEAD of crypto/cipher takes a message as a whole. Here the file is
// encrypted with crypto/cipher's CTR, and its GHASH computed piece by piece by
// that AEAD: the tag of no plaintext and some additional data is the GHASH of
// that data, blinded with a block that is known, multiplied by the hash key H
// once too often. So each piece is hashed by the fast and constant-time code of
// the standard library, and one multiplication with the inverse of H, in
// constant time here, takes the surplus away. The standard library's one-shot
// AEAD is the oracle of the tests.
//
// # Concurrency
//
// An [Encrypter] belongs to one goroutine at a time. Everything else has no
// state, except the position of a [Reader]'s Read and Seek.
//
// # Logging
//
// A [Key] and what holds one show nothing of themselves to fmt, slog and
// encoders.
package media
