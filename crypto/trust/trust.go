// SPDX-License-Identifier: MPL-2.0

package trust

// State is what the user, or the policy for them, decided about an identity
// key. The numbers are stable: they are stored.
type State uint8

// The states of a key.
const (
	// Undecided: the user has to decide before anything is sent to it.
	Undecided State = 0
	// Blind: trusted without having been compared.
	Blind State = 1
	// Verified: the user compared the fingerprint.
	Verified State = 2
	// Distrusted: nothing is encrypted to it, its messages are marked.
	Distrusted State = 3
	// Compromised: known to be in wrong hands; its messages are refused.
	Compromised State = 4
)

// String names the state with a stable lower-case word.
func (s State) String() string {
	switch s {
	case Undecided:
		return "undecided"
	case Blind:
		return "blind"
	case Verified:
		return "verified"
	case Distrusted:
		return "distrusted"
	case Compromised:
		return "compromised"
	default:
		return "unknown"
	}
}

// Policy is what decides about a key seen for the first time.
type Policy struct {
	BlindTrust  bool // per contact, on unless the user switched it off
	HasVerified bool // the contact has at least one verified key
}

// Initial is the state of a key seen for the first time.
func Initial(p Policy) State {
	if p.BlindTrust && !p.HasVerified {
		return Blind
	}
	return Undecided
}

// Decision is what to do with a device when sending.
type Decision uint8

// The decisions.
const (
	// Ask: sending waits until the user has decided about the key.
	Ask Decision = iota
	// Encrypt to the device.
	Encrypt
	// Omit the device.
	Omit
)

// Outgoing decides about sending to a device. A device that is no longer in its
// owner's device list is omitted whatever its state.
func Outgoing(s State, active bool) Decision {
	if !active {
		return Omit
	}
	switch s {
	case Blind, Verified:
		return Encrypt
	case Distrusted, Compromised:
		return Omit
	default:
		return Ask
	}
}

// Verdict is what to do with a message received.
type Verdict uint8

// The verdicts.
const (
	// ShowUntrusted: show it, marked as coming from a key that is not trusted.
	ShowUntrusted Verdict = iota
	// Show it.
	Show
	// Refuse to decrypt or show it.
	Refuse
)

// Incoming decides about a message from a key.
func Incoming(s State) Verdict {
	switch s {
	case Blind, Verified:
		return Show
	case Compromised:
		return Refuse
	default:
		return ShowUntrusted
	}
}
