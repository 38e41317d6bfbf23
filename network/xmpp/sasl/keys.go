// SPDX-License-Identifier: MPL-2.0

package sasl

// KeyCache remembers the keys derived from a password, which spares the
// iterations and makes the password unnecessary. The keys let their holder
// sign in: keep them like the password. Load and Save are called by the
// goroutine that runs the Mechanism. mechanism is the name without "-PLUS".
//
// The cache must be emptied when the person enters another password: keys
// found in it are used without a look at Config.Password.
type KeyCache interface {
	Load(mechanism string, salt []byte, iterations int) (clientKey, serverKey []byte, ok bool)
	// Save is called only after the server proved to know the keys.
	Save(mechanism string, salt []byte, iterations int, clientKey, serverKey []byte)
}
