// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/confab-im/confab/crypto/engine"
)

// MaxLabel is how many runes the label of the own device may have (XEP-0384
// §5.3.1 recommends fewer than 53).
const MaxLabel = 52

// SetLabel changes what the own device calls itself; empty is no label. Publish
// the device lists afterwards, see OwnList. The error is ErrBadLabel beyond
// MaxLabel, and for what XML cannot carry unchanged.
func (m *Manager) SetLabel(ctx context.Context, st Store, label string) error {
	if utf8.RuneCountInString(label) > MaxLabel || !utf8.ValidString(label) || strings.ContainsFunc(label, unwritable) {
		return fmt.Errorf("set label: %w", ErrBadLabel)
	}
	if err := st.SetLabel(ctx, label); err != nil {
		return fmt.Errorf("set label: %w", err)
	}
	return nil
}

// unwritable are runes that an attribute would not keep.
func unwritable(r rune) bool { return unicode.IsControl(r) || r == 0xfffe || r == 0xffff }

// OwnList is the device list to publish: the own active devices and this one.
func (m *Manager) OwnList(ctx context.Context, st Store) ([]Listed, error) {
	rows, err := m.devices(ctx, st, m.jid)
	if err != nil {
		return nil, err
	}
	self, err := m.listing(ctx, st)
	if err != nil {
		return nil, err
	}
	var list []Listed
	for _, r := range rows {
		if r.active && r.id != self.ID {
			list = append(list, Listed{r.id, r.label, r.labelSig})
		}
	}
	return append(list, self), nil
}

// listing is the entry of the own device.
func (m *Manager) listing(ctx context.Context, st Store) (Listed, error) {
	self, err := m.own(ctx, st)
	if err != nil {
		return Listed{}, err
	}
	d := Listed{ID: self.RegistrationID}
	if d.Label, err = m.ownLabel(ctx, st); err != nil {
		return Listed{}, err
	}
	if d.Label != "" {
		if d.Signature, err = m.engine.Sign(self, []byte(d.Label)); err != nil {
			return Listed{}, fmt.Errorf("sign label: %w", err)
		}
	}
	return d, nil
}

// ownLabel is what the own device calls itself in this profile.
func (m *Manager) ownLabel(ctx context.Context, st Store) (string, error) {
	if m.profile == engine.Profile03 {
		return "", nil
	}
	label, err := st.Label(ctx)
	if err != nil {
		return "", fmt.Errorf("read label: %w", err)
	}
	return label, nil
}

// labelled tells whether an entry of the own device says what it calls itself.
// Other devices may have published an older one.
func (m *Manager) labelled(own engine.IdentityKey, d Listed, label string) bool {
	if d.Label != label {
		return false
	}
	if label == "" {
		return true
	}
	_, err := engine.VerifySignature(m.profile, own.Public, []byte(label), d.Signature)
	return err == nil
}

// saveLabel keeps what a list says a device calls itself. The identity key that
// must have signed it may not be known yet.
func (m *Manager) saveLabel(ctx context.Context, st Store, jid string, d Listed, known deviceRow) error {
	if d.Label == known.label && bytes.Equal(d.Signature, known.labelSig) {
		return nil
	}
	if err := st.SetDeviceLabel(ctx, uint8(m.profile), jid, d.ID, d.Label, slices.Clone(d.Signature)); err != nil {
		return fmt.Errorf("save label: %w", err)
	}
	return nil
}

// label is what a device calls itself, if its identity key has signed that. The
// key must be known.
func (m *Manager) label(r deviceRow) string {
	if r.label == "" {
		return ""
	}
	if _, err := engine.VerifySignature(m.profile, *r.identity, []byte(r.label), r.labelSig); err != nil {
		return ""
	}
	return r.label
}
