// SPDX-License-Identifier: MPL-2.0

package sasl

import (
	"errors"
	"slices"
)

// History is what the sign-ins of one account taught about its server. It
// belongs to the account: the caller stores it (it marshals to JSON), passes
// it to every Select and replaces it by what After returns. Without it, each
// sign-in is the first. A person who accepts that the server got weaker starts
// a new one.
type History struct {
	// SCRAM: a SCRAM sign-in has succeeded, so PLAIN is refused from now on.
	SCRAM bool `json:"scram,omitempty"`
	// Bound is the strongest channel-binding type a sign-in has succeeded
	// with. A weaker one, or none, is refused from now on, unless the server
	// signs that it offers no better (XEP-0474).
	Bound string `json:"bound,omitempty"`
	// Offer names the offer for which Broken holds.
	Offer string `json:"offer,omitempty"`
	// Broken are the channel-binding types that failed under this Offer.
	Broken []string `json:"broken,omitempty"`
	// Fallbacks counts sign-ins that did without the Broken types.
	Fallbacks int `json:"fallbacks,omitempty"`
}

// maxFallbacks is after how many of those sign-ins the Broken types get another
// chance: so an attack, or an old server, is not remembered for ever.
const maxFallbacks = 20

// run is what After has to know about a Mechanism.
type run struct {
	binding     string // channel-binding type, empty when none
	bound       string // what the connection had to live up to
	offer       string
	fallback    bool // no binding because of History.Broken
	alternative bool // something else is left to try
}

// After returns what is known after m, which Select made from h, ended with
// err: nil when Done succeeded, else what one of its methods returned or a
// *Failure made from the server's answer. When retry is true, a new Select
// with the new History chooses something else that may work, on this
// connection or the next. With an unchanged offer, at most three retries
// follow one another.
func (h History) After(m Mechanism, err error) (next History, retry bool) {
	s, ok := m.(*scram)
	if !ok {
		return h, false
	}
	r := s.run()
	h.Broken = slices.Clone(h.Broken)
	switch {
	case err == nil:
		h.SCRAM = true
		if bindingStrength(r.binding) > bindingStrength(r.bound) {
			h.Bound = r.binding
		}
		if r.binding != "" && h.Offer != r.offer {
			h.forget()
		}
		if len(h.Broken) > 0 && h.Offer == r.offer {
			h.Fallbacks++
		}
		if h.Fallbacks >= maxFallbacks {
			h.forget()
		}
		return h, false
	case r.fallback && errors.Is(err, ErrBinding):
		// The fallback itself was refused: start over with binding.
		h.forget()
		return h, false
	case r.binding == "" || !bindingSuspect(err):
		return h, false
	case !r.alternative:
		// Nothing else to try, or nothing as good as what worked before: the
		// next sign-in starts over.
		h.forget()
		return h, false
	}
	if h.Offer != r.offer {
		h.forget()
		h.Offer = r.offer
	}
	if !slices.Contains(h.Broken, r.binding) {
		h.Broken = append(h.Broken, r.binding)
	}
	return h, true
}

func (h *History) forget() { h.Offer, h.Broken, h.Fallbacks = "", nil, 0 }

// broken tells whether a type failed before under the same offer.
func (h History) broken(binding, offer string) bool {
	return h.Offer == offer && slices.Contains(h.Broken, binding)
}

// bindingSuspect tells whether a failed sign-in may be due to channel binding.
// A plain not-authorized is not: it is the password.
func bindingSuspect(err error) bool {
	if errors.Is(err, ErrBinding) {
		return true
	}
	var f *Failure
	if !errors.As(err, &f) {
		return false
	}
	switch f.Condition {
	case "malformed-request", "incorrect-encoding", "invalid-mechanism", "other-error":
		return true
	}
	return false
}
