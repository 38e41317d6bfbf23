// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/confab-im/confab/crypto/engine"
)

// pairing is one device, as each profile sees it; nil where it is not active. It
// is one device if the id is the same and the identity key is not another: a key
// is not known before the bundle was fetched.
type pairing struct{ old, new *candidate }

// candidates looks at the devices of jids and the own other ones in all profiles.
func (s *Suite) candidates(ctx context.Context, st Store, jids []string) ([]pairing, error) {
	if len(jids) == 0 {
		return nil, ErrBadAddress
	}
	var all []pairing
	at := make(map[Address]int) // of Profile03
	for _, m := range s.managers {
		cs, err := m.candidatesFor(ctx, st, jids)
		if err != nil {
			return nil, err
		}
		for i := range cs {
			c := &cs[i]
			if m.profile == engine.Profile03 {
				at[c.addr] = len(all)
				all = append(all, pairing{old: c})
				continue
			}
			if i, ok := at[c.addr]; ok && sameKey(all[i].old.row.identity, c.row.identity) {
				all[i].new = c
				continue
			}
			all = append(all, pairing{new: c})
		}
	}
	return all, nil
}

func sameKey(a, b *engine.PublicKey) bool { return a == nil || b == nil || *a == *b }

// open tells whether a message can be encrypted to the device, now or once the
// user has decided about its key.
func (c *candidate) open() bool {
	return c != nil && c.state != nil && (c.outcome == Encrypted || c.outcome == Undecided)
}

// choice is which device gets a message in which profile.
type choice struct {
	old, new []candidate
	rest     []DeviceReport // devices that get none
}

// choose takes Profile2 for everybody when every device that can be reached can
// be reached in it. Else everybody who can gets Profile03, and the rest, who
// speak only Profile2, get that: the message goes out in both.
func choose(devices []pairing) (c choice) {
	mixed := slices.ContainsFunc(devices, func(d pairing) bool { return d.old.open() && !d.new.open() })
	for _, d := range devices {
		switch {
		case d.old.open() && mixed:
			c.old = append(c.old, *d.old)
		case d.new.open():
			c.new = append(c.new, *d.new)
		case d.new != nil:
			c.rest = append(c.rest, d.new.report(engine.Profile2))
		default:
			c.rest = append(c.rest, d.old.report(engine.Profile03))
		}
	}
	return c
}

// MissingSessions lists the bundles that have to be fetched before a message to
// jids can be encrypted to all: of active devices of these and of the own JID,
// in the profile that such a message would take, see [Suite.Encrypt]. tried
// holds those asked for in vain. Call it again after the fetches: where a device
// cannot be reached in one profile the other is the next to try.
func (s *Suite) MissingSessions(ctx context.Context, st Store, jids []string, tried map[Target]bool) ([]Target, error) {
	devices, err := s.candidates(ctx, st, jids)
	if err != nil {
		return nil, fmt.Errorf("find missing sessions: %w", err)
	}
	hope := func(c *candidate, p engine.Profile) bool {
		return c != nil && c.outcome != Omitted && (c.state != nil || !tried[Target{p, c.addr}])
	}
	mixed := slices.ContainsFunc(devices, func(d pairing) bool {
		return hope(d.old, engine.Profile03) && !hope(d.new, engine.Profile2)
	})
	var missing []Target
	for _, d := range devices {
		c, p := d.new, engine.Profile2
		if mixed && hope(d.old, engine.Profile03) || !hope(c, p) {
			c, p = d.old, engine.Profile03
		}
		if hope(c, p) && c.state == nil {
			missing = append(missing, Target{p, c.addr})
		}
	}
	return missing, nil
}

// Reachable tells whether a message could be encrypted to a device of jid, now
// or once the user has decided about its key.
func (s *Suite) Reachable(ctx context.Context, st Store, jid string) (bool, error) {
	devices, err := s.candidates(ctx, st, []string{jid})
	if err != nil {
		return false, fmt.Errorf("find devices: %w", err)
	}
	return slices.ContainsFunc(devices, func(d pairing) bool {
		return d.old.open() && d.old.addr.JID == jid || d.new.open() && d.new.addr.JID == jid
	}), nil
}

// Encrypt encrypts a message to all trusted active devices of jids and to the
// own other ones. When all that can be reached speak Profile2 it is one envelope
// of that; else one of Profile03 for all who speak it, and one of Profile2 for
// those who do not. Both belong into one stanza, so that nobody sees it twice.
// plaintext makes what is encrypted in a profile.
//
// See [Manager.Encrypt] for the errors and what they change: nothing. An error
// of plaintext is passed on.
func (s *Suite) Encrypt(ctx context.Context, st Store, plaintext func(engine.Profile) ([]byte, error), jids []string) ([]Envelope, Report, error) {
	devices, err := s.candidates(ctx, st, jids)
	if err != nil {
		return nil, Report{}, fmt.Errorf("encrypt message: %w", err)
	}
	c := choose(devices)
	report := Report{Devices: c.rest}
	var drafts []draft
	for _, m := range s.managers {
		cs := c.old
		if m.profile == engine.Profile2 {
			cs = c.new
		}
		if len(cs) == 0 {
			continue
		}
		text, err := plaintext(m.profile)
		if err != nil {
			return nil, Report{}, fmt.Errorf("encrypt message: %w", err)
		}
		d, r, err := m.draft(ctx, st, text, cs)
		if err != nil {
			return nil, Report{}, fmt.Errorf("encrypt message: %w", err)
		}
		drafts, report.Devices = append(drafts, d), append(report.Devices, r.Devices...)
	}
	if err := decide(s.JID(), report, jids); err != nil {
		return nil, report, err
	}
	var envs []Envelope
	for _, d := range drafts {
		if len(d.env.Keys) == 0 {
			continue // every session failed
		}
		m, err := s.manager(d.env.Profile)
		if err != nil {
			return nil, report, err
		}
		if err := m.commit(ctx, st, d); err != nil {
			return nil, report, err
		}
		envs = append(envs, d.env)
	}
	return envs, report, nil
}

// Decrypt decrypts a message that came in one envelope or in several that say
// the same, for different devices: exactly one of them, Profile2 first. It is
// [Manager.Decrypt] otherwise.
func (s *Suite) Decrypt(ctx context.Context, st Store, sender string, envs []Envelope) (Result, error) {
	var worst *DecryptError
	for _, m := range slices.Backward(s.managers) {
		for _, env := range envs {
			if env.Profile != m.profile {
				continue
			}
			res, err := m.Decrypt(ctx, st, sender, env)
			var failed *DecryptError
			if err == nil || !errors.As(err, &failed) {
				return res, err
			}
			if failed.Reason == ReasonDuplicate || failed.Reason == ReasonOwnMessage {
				return Result{}, failed // so is the other
			}
			worst = worse(worst, failed)
		}
	}
	if worst == nil {
		worst = refuse(ReasonNotForThisDevice, engine.ErrUnsupported)
		worst.Sender.JID = sender
	}
	return Result{}, worst
}
