// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"strconv"
	"time"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/trust"
)

// MaxID is the largest device or prekey id there is, 2^31 - 1; the smallest is
// 1 (XEP-0384 §2 and §4.2).
const MaxID = 1<<31 - 1

// Address names a device.
type Address struct {
	JID    string // bare JID
	Device uint32
}

// String is "jid/device".
func (a Address) String() string { return a.JID + "/" + strconv.FormatUint(uint64(a.Device), 10) }

// Target names a device in a profile. The same device can be one in both.
type Target struct {
	Profile engine.Profile
	Address
}

// Envelope is the content of an <encrypted/> element.
type Envelope struct {
	Profile engine.Profile
	SID     uint32 // sending device
	Keys    []Key
	IV      []byte // 12 bytes when sent, 12 or 16 are accepted; profile 2 has none
	Payload []byte // nil: an empty message (key transport), without a payload element
}

// Key is a <key/> element: the content key, encrypted to one device.
type Key struct {
	RID    uint32 // receiving device
	JID    string // owner of the device; profile 2 only, empty in 0.3
	PreKey bool   // a key exchange message
	Data   []byte
}

// PublishedBundle is the content of a <bundle/> element.
type PublishedBundle struct {
	Identity       engine.PublicKey
	SignedPreKeyID uint32
	SignedPreKey   engine.PublicKey
	Signature      []byte // 64 bytes
	PreKeys        []PublishedPreKey
}

// PublishedPreKey is a one-time prekey in a bundle.
type PublishedPreKey struct {
	ID     uint32
	Public engine.PublicKey
}

// Bundle is the own bundle to publish, with the id of the own device.
type Bundle struct {
	Device uint32
	PublishedBundle
}

// Listed is an entry of a device list. Label is the name that the device gives
// itself and Signature its signature by the identity key (XEP-0384 §5.3.1);
// Profile03 has neither.
type Listed struct {
	ID        uint32
	Label     string
	Signature []byte
}

// DeviceChange is what a device list changed.
type DeviceChange struct {
	Added   []uint32 // active now: new, or back again
	Removed []uint32 // inactive now
	Ignored int      // entries that were invalid, repeated or beyond the limit
	// Republish is the list to publish when the own list lacked the own device,
	// or had it by another label;
	// nil when there is nothing to do, or after three tries in a row.
	Republish []Listed
}

// Device is what is known about a device.
type Device struct {
	Address
	Active   bool
	Profiles []engine.Profile // those it is active in, ascending
	Known    bool             // the identity key is known
	Identity engine.PublicKey // if Known
	Trust    trust.State      // if Known
	Label    string           // what it calls itself, if its signature is good
	LastSeen time.Time        // of the last message decrypted; zero: never
}

// Outcome is what happened to one device when a message was encrypted.
type Outcome uint8

// The outcomes.
const (
	// Encrypted: the device gets a key.
	Encrypted Outcome = iota + 1
	// Omitted: the device's key is distrusted.
	Omitted
	// NoSession: there is no session yet, see [Manager.MissingSessions].
	NoSession
	// Undecided: the user has to decide about the key.
	Undecided
	// Failed: the session could not be used; Err tells why.
	Failed
)

// DeviceReport is what happened to one device.
type DeviceReport struct {
	Target
	Outcome     Outcome
	KeyExchange bool  // the key is a key exchange message
	Err         error // for Failed
}

// Report lists every active device that was looked at, the own one excluded.
type Report struct {
	Devices []DeviceReport
}

// Result is a decrypted message.
type Result struct {
	Profile    engine.Profile
	Plaintext  []byte // nil when Empty
	Empty      bool   // a key transport message: nothing to show
	Sender     Address
	Identity   engine.PublicKey
	Trust      trust.State
	Verdict    trust.Verdict
	NewKey     bool // the identity was seen for the first time
	PreKeyUsed bool // a one-time prekey was used up: Maintain has to run
	// AnswerNeeded: a session was created by this message. An empty message
	// should go back (XEP-0384 §5.6), but only to contacts and people already
	// answered, and not before a catch-up has ended.
	AnswerNeeded bool
	// HeartbeatNeeded: so many messages came in without an answer that an empty
	// message should go back (XEP-0384 §6).
	HeartbeatNeeded bool
}
