// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/confab-im/confab/crypto/engine"
)

// Own prekey ids are 24 bits wide, as some implementations keep no more; the
// largest of those stands for "none" in some.
const maxPreKeyID = 1<<24 - 2

// Setup makes the own identity, device id, signed prekey and one-time prekeys,
// unless they are there already. Run it in one transaction, and publish the
// device list and the bundle afterwards.
func (m *Manager) Setup(ctx context.Context, st Store) (created bool, err error) {
	if _, err := m.own(ctx, st); !errors.Is(err, ErrNotSetUp) {
		return false, err
	}
	id, err := m.newDeviceID(ctx, st)
	if err != nil {
		return false, fmt.Errorf("set up identity: %w", err)
	}
	self, err := engine.NewIdentityKey(m.rand, id)
	if err != nil {
		return false, fmt.Errorf("set up identity: %w", err)
	}
	if err := st.SaveIdentity(ctx, id, self.Private[:], self.Public[:]); err != nil {
		return false, fmt.Errorf("save identity: %w", err)
	}
	if err := m.rotate(ctx, st); err != nil {
		return false, err
	}
	if _, err := m.refill(ctx, st, 0); err != nil {
		return false, err
	}
	return true, nil
}

// DeviceID is the own device id. The error is ErrNotSetUp before Setup.
func (m *Manager) DeviceID(ctx context.Context, st Store) (uint32, error) {
	self, err := m.own(ctx, st)
	return self.RegistrationID, err
}

// Identity is the own identity key, the one to show the fingerprint of.
func (m *Manager) Identity(ctx context.Context, st Store) (engine.PublicKey, error) {
	self, err := m.own(ctx, st)
	return self.Public, err
}

// OwnBundle is what is to be published: the identity, the newest signed prekey
// and all unused one-time prekeys. The keys are the same in all profiles. What
// is signed of the signed prekey is not, so the signature is made here.
func (m *Manager) OwnBundle(ctx context.Context, st Store) (Bundle, error) {
	self, err := m.own(ctx, st)
	if err != nil {
		return Bundle{}, err
	}
	signed, _, ok, err := m.signedPreKey(ctx, st, 0)
	if err != nil {
		return Bundle{}, err
	}
	if !ok {
		return Bundle{}, fmt.Errorf("read signed prekey: %w", ErrNotSetUp)
	}
	sig, err := m.sign(self, signed.Public)
	if err != nil {
		return Bundle{}, err
	}
	b := Bundle{Device: self.RegistrationID, PublishedBundle: PublishedBundle{
		Identity: self.Public, SignedPreKeyID: signed.ID, SignedPreKey: signed.Public, Signature: sig,
	}}
	err = st.PreKeys(ctx, func(id uint32, public []byte) error {
		if len(public) != 32 {
			return ErrStore
		}
		b.PreKeys = append(b.PreKeys, PublishedPreKey{ID: id, Public: engine.PublicKey(public)})
		return nil
	})
	if err != nil {
		return Bundle{}, fmt.Errorf("read prekeys: %w", err)
	}
	return b, nil
}

// Maintain deletes used one-time prekeys, refills them, and rotates the signed
// prekey when it is due, keeping the previous one. publish tells that the bundle
// has changed and has to be published; the caller must remember that, as the
// next call does not tell it again. While an archive catch-up runs nothing is
// done, since messages still to be read may need the used prekeys.
func (m *Manager) Maintain(ctx context.Context, st Store) (publish bool, err error) {
	if _, err := m.own(ctx, st); err != nil {
		return false, err
	}
	catchingUp, err := st.CatchingUp(ctx)
	if err != nil {
		return false, fmt.Errorf("read catch-up state: %w", err)
	}
	if catchingUp {
		return false, nil
	}
	_, last, err := st.PreKeyCount(ctx) // no id is given out twice in a row
	if err != nil {
		return false, fmt.Errorf("count prekeys: %w", err)
	}
	deleted, err := st.DeleteUsedPreKeys(ctx)
	if err != nil {
		return false, fmt.Errorf("delete used prekeys: %w", err)
	}
	added, err := m.refill(ctx, st, last)
	if err != nil {
		return false, err
	}
	_, created, ok, err := m.signedPreKey(ctx, st, 0)
	if err != nil {
		return false, err
	}
	rotated := !ok || m.now().Sub(created) >= m.limits.SignedPreKeyAge
	if rotated {
		if err := m.rotate(ctx, st); err != nil {
			return false, err
		}
	}
	if err := st.PruneSignedPreKeys(ctx, m.limits.SignedPreKeys); err != nil {
		return false, fmt.Errorf("prune signed prekeys: %w", err)
	}
	return deleted > 0 || added > 0 || rotated, nil
}

// own reads the own identity.
func (m *Manager) own(ctx context.Context, st Store) (engine.IdentityKey, error) {
	id, private, public, ok, err := st.Identity(ctx)
	if err != nil {
		return engine.IdentityKey{}, fmt.Errorf("read identity: %w", err)
	}
	if !ok {
		return engine.IdentityKey{}, ErrNotSetUp
	}
	if len(private) != 32 || len(public) != 32 || !validID(id) {
		return engine.IdentityKey{}, fmt.Errorf("read identity: %w", ErrStore)
	}
	return engine.IdentityKey{
		Private: engine.PrivateKey(private), Public: engine.PublicKey(public), RegistrationID: id,
	}, nil
}

// newDeviceID picks an id no other device of the account has.
func (m *Manager) newDeviceID(ctx context.Context, st Store) (uint32, error) {
	rows, err := m.devices(ctx, st, m.jid)
	if err != nil {
		return 0, err
	}
	taken := make(map[uint32]bool, len(rows))
	for _, r := range rows {
		taken[r.id] = true
	}
	for {
		n, err := m.random()
		if err != nil {
			return 0, err
		}
		if id := uint32(n) & MaxID; id != 0 && !taken[id] {
			return id, nil
		}
	}
}

func (m *Manager) random() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(m.rand, b[:]); err != nil {
		return 0, fmt.Errorf("read random: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// refill makes one-time prekeys until there are enough, with ids after last, and
// tells how many.
func (m *Manager) refill(ctx context.Context, st Store, last uint32) (added int, err error) {
	unused, largest, err := st.PreKeyCount(ctx)
	if err != nil {
		return 0, fmt.Errorf("count prekeys: %w", err)
	}
	last = max(last, largest)
	for ; unused+added < m.limits.PreKeys; added++ {
		if last, err = m.nextPreKeyID(ctx, st, last); err != nil {
			return added, err
		}
		k, err := engine.NewPreKey(m.rand, last)
		if err != nil {
			return added, err
		}
		if err := st.SavePreKey(ctx, k.ID, k.Private[:], k.Public[:]); err != nil {
			return added, fmt.Errorf("save prekey: %w", err)
		}
	}
	return added, nil
}

// nextPreKeyID is the id after last. When the ids have run out it goes on at a
// random free one: the lowest would be one that was given out a moment ago.
func (m *Manager) nextPreKeyID(ctx context.Context, st Store, last uint32) (uint32, error) {
	id := last + 1
	if last >= maxPreKeyID {
		n, err := m.random()
		if err != nil {
			return 0, err
		}
		id = uint32(n%maxPreKeyID) + 1
	}
	for range maxPreKeyID {
		if id > maxPreKeyID {
			id = 1
		}
		_, _, _, taken, err := st.PreKey(ctx, id)
		if err != nil {
			return 0, fmt.Errorf("read prekey: %w", err)
		}
		if !taken {
			return id, nil
		}
		id++
	}
	return 0, fmt.Errorf("find prekey id: %w", ErrStore)
}

// rotate makes a new signed prekey.
func (m *Manager) rotate(ctx context.Context, st Store) error {
	for {
		k, err := engine.NewPreKey(m.rand, 1)
		if err != nil {
			return err
		}
		k.ID = signedPreKeyID(k.Public)
		_, _, taken, err := m.signedPreKey(ctx, st, k.ID)
		if err != nil {
			return err
		}
		if taken {
			continue
		}
		if err := st.SaveSignedPreKey(ctx, k.ID, k.Private[:], k.Public[:], m.now()); err != nil {
			return fmt.Errorf("save signed prekey: %w", err)
		}
		return nil
	}
}

// sign signs a prekey as the profile publishes it.
func (m *Manager) sign(self engine.IdentityKey, k engine.PublicKey) ([]byte, error) {
	covered, err := engine.SignedBytes(m.profile, k)
	if err != nil {
		return nil, fmt.Errorf("sign prekey: %w", err)
	}
	sig, err := m.engine.Sign(self, covered)
	if err != nil {
		return nil, fmt.Errorf("sign prekey: %w", err)
	}
	return sig, nil
}

// signedPreKeyID computes the id from the key, so that the newest key has a name
// without a counter that could run out. It is never 0.
func signedPreKeyID(k engine.PublicKey) uint32 {
	sum := sha256.Sum256(k[:])
	return binary.BigEndian.Uint32(sum[:4])%maxPreKeyID + 1
}

// signedPreKey reads a signed prekey, the newest with id 0.
func (m *Manager) signedPreKey(ctx context.Context, st Store, id uint32) (k engine.PreKey, created time.Time, ok bool, err error) {
	private, public, created, ok, err := st.SignedPreKey(ctx, id)
	if err != nil {
		return engine.PreKey{}, time.Time{}, false, fmt.Errorf("read signed prekey: %w", err)
	}
	if !ok {
		return engine.PreKey{}, time.Time{}, false, nil
	}
	if len(private) != 32 || len(public) != 32 {
		return engine.PreKey{}, time.Time{}, false, fmt.Errorf("read signed prekey: %w", ErrStore)
	}
	k = engine.PreKey{Private: engine.PrivateKey(private), Public: engine.PublicKey(public)}
	if k.ID = signedPreKeyID(k.Public); id != 0 && id != k.ID {
		return engine.PreKey{}, time.Time{}, false, fmt.Errorf("read signed prekey: %w", ErrStore)
	}
	return k, created, true, nil
}

// preKey reads a one-time prekey.
func (m *Manager) preKey(ctx context.Context, st Store, id uint32) (k engine.PreKey, used, ok bool, err error) {
	private, public, used, ok, err := st.PreKey(ctx, id)
	if err != nil {
		return engine.PreKey{}, false, false, fmt.Errorf("read prekey: %w", err)
	}
	if !ok {
		return engine.PreKey{}, false, false, nil
	}
	if len(private) != 32 || len(public) != 32 {
		return engine.PreKey{}, false, false, fmt.Errorf("read prekey: %w", ErrStore)
	}
	return engine.PreKey{ID: id, Private: engine.PrivateKey(private), Public: engine.PublicKey(public)}, used, true, nil
}
