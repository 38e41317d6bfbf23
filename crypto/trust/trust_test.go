// SPDX-License-Identifier: MPL-2.0

package trust_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/trust"
)

func TestInitialExhaustively(t *testing.T) {
	want := map[trust.Policy]trust.State{
		{BlindTrust: false, HasVerified: false}: trust.Undecided,
		{BlindTrust: false, HasVerified: true}:  trust.Undecided,
		{BlindTrust: true, HasVerified: false}:  trust.Blind,
		{BlindTrust: true, HasVerified: true}:   trust.Undecided,
	}
	require.Len(t, want, 4)
	for p, s := range want {
		require.Equal(t, s, trust.Initial(p), "%+v", p)
	}
}

// Every value a byte can hold, active or not.
func TestOutgoingExhaustively(t *testing.T) {
	active := map[trust.State]trust.Decision{
		trust.Undecided:   trust.Ask,
		trust.Blind:       trust.Encrypt,
		trust.Verified:    trust.Encrypt,
		trust.Distrusted:  trust.Omit,
		trust.Compromised: trust.Omit,
	}
	for v := range 256 {
		s := trust.State(v)
		want, known := active[s]
		if !known {
			want = trust.Ask
		}
		require.Equal(t, want, trust.Outgoing(s, true), "%d active", v)
		require.Equal(t, trust.Omit, trust.Outgoing(s, false), "%d inactive", v)
	}
}

func TestIncomingExhaustively(t *testing.T) {
	table := map[trust.State]trust.Verdict{
		trust.Undecided:   trust.ShowUntrusted,
		trust.Blind:       trust.Show,
		trust.Verified:    trust.Show,
		trust.Distrusted:  trust.ShowUntrusted,
		trust.Compromised: trust.Refuse,
	}
	for v := range 256 {
		want, known := table[trust.State(v)]
		if !known {
			want = trust.ShowUntrusted
		}
		require.Equal(t, want, trust.Incoming(trust.State(v)), "%d", v)
	}
}

// Only a key that would be shown as trusted is ever encrypted to, and a key
// nobody decided about never becomes verified by itself.
func TestInvariants(t *testing.T) {
	for v := range 256 {
		s := trust.State(v)
		if trust.Outgoing(s, true) == trust.Encrypt {
			require.Equal(t, trust.Show, trust.Incoming(s))
		}
	}
	for _, blind := range []bool{false, true} {
		for _, verified := range []bool{false, true} {
			s := trust.Initial(trust.Policy{BlindTrust: blind, HasVerified: verified})
			require.NotEqual(t, trust.Verified, s)
			require.Equal(t, blind && !verified, trust.Outgoing(s, true) == trust.Encrypt)
		}
	}
}

// The numbers are stored.
func TestNumbersAndNames(t *testing.T) {
	names := []string{"undecided", "blind", "verified", "distrusted", "compromised"}
	states := []trust.State{trust.Undecided, trust.Blind, trust.Verified, trust.Distrusted, trust.Compromised}
	for i, s := range states {
		require.Equal(t, uint8(i), uint8(s))
		require.Equal(t, names[i], s.String())
	}
	require.Equal(t, "unknown", trust.State(5).String())
}

func Example() {
	contact := trust.Policy{BlindTrust: true}
	first := trust.Initial(contact)
	fmt.Println(first, trust.Outgoing(first, true) == trust.Encrypt)

	contact.HasVerified = true
	second := trust.Initial(contact)
	fmt.Println(second, trust.Outgoing(second, true) == trust.Ask)
	// Output:
	// blind true
	// undecided true
}
