// SPDX-License-Identifier: MPL-2.0

package omemotest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/trust"
)

// maxSessions is how many sessions with a device are kept.
const maxSessions = 40

var errMissing = errors.New("no such row")

// Store is an omemo.Store in memory. It is safe for concurrent use, and its
// methods fail on demand, see Fail.
type Store struct {
	mu    sync.Mutex
	data  data
	fail  error
	after int // calls that succeed before fail counts
	calls int
}

var _ omemo.Store = (*Store)(nil)

type data struct {
	Device     uint32
	Label      string
	Private    []byte
	Public     []byte
	PreKeys    map[uint32]preKey
	Signed     map[uint32]signedPreKey
	Devices    map[deviceKey]device
	Sessions   map[deviceKey][]session // newest first
	Seq        int64
	Trust      map[trustKey]uint8
	NotBlind   map[string]bool
	CatchingUp bool
}

type (
	preKey struct {
		Private, Public []byte
		Used            bool
	}
	signedPreKey struct {
		Private, Public []byte
		Created         time.Time
	}
	deviceKey struct {
		Profile uint8
		JID     string
		ID      uint32
	}
	device struct {
		Active     bool
		Identity   []byte
		Label      string
		LabelSig   []byte
		LastSeen   time.Time
		Unanswered int
	}
	session struct {
		Seq   int64
		State []byte
	}
	trustKey struct{ JID, Identity string }
)

// NewStore makes an empty store.
func NewStore() *Store {
	return &Store{data: data{
		PreKeys: map[uint32]preKey{}, Signed: map[uint32]signedPreKey{},
		Devices: map[deviceKey]device{}, Sessions: map[deviceKey][]session{},
		Trust: map[trustKey]uint8{}, NotBlind: map[string]bool{},
	}}
}

// Clone is an independent copy, for trying something and for comparing.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.data // rows are replaced as a whole, never changed in place
	d.PreKeys, d.Signed = maps.Clone(d.PreKeys), maps.Clone(d.Signed)
	d.Devices, d.Trust, d.NotBlind = maps.Clone(d.Devices), maps.Clone(d.Trust), maps.Clone(d.NotBlind)
	d.Sessions = maps.Clone(d.Sessions)
	for k, v := range d.Sessions {
		d.Sessions[k] = slices.Clone(v)
	}
	return &Store{data: d}
}

// Equal tells whether two stores hold the same.
func (s *Store) Equal(o *Store) bool {
	a, b := s.Clone(), o.Clone()
	return reflect.DeepEqual(a.data, b.data)
}

// Fail makes every method fail with err after so many calls that succeed, until
// it is called with nil.
func (s *Store) Fail(after int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.after, s.calls = err, after, 0
}

// SetCatchingUp sets what CatchingUp tells.
func (s *Store) SetCatchingUp(v bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.CatchingUp = v
}

// SetBlindTrust sets what BlindTrust tells for a JID.
func (s *Store) SetBlindTrust(jid string, v bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.NotBlind[jid] = !v
}

// do runs fn under the lock unless the store is to fail or ctx has ended.
func (s *Store) do(ctx context.Context, fn func(d *data) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fail != nil && s.calls > s.after {
		return s.fail
	}
	return fn(&s.data)
}

// Identity implements omemo.Store.
func (s *Store) Identity(ctx context.Context) (id uint32, private, public []byte, ok bool, err error) {
	err = s.do(ctx, func(d *data) error {
		id, private, public, ok = d.Device, bytes.Clone(d.Private), bytes.Clone(d.Public), d.Device != 0
		return nil
	})
	return id, private, public, ok, err
}

// SaveIdentity implements omemo.Store.
func (s *Store) SaveIdentity(ctx context.Context, id uint32, private, public []byte) error {
	return s.do(ctx, func(d *data) error {
		d.Device, d.Private, d.Public = id, bytes.Clone(private), bytes.Clone(public)
		return nil
	})
}

// Label implements omemo.Store.
func (s *Store) Label(ctx context.Context) (label string, err error) {
	err = s.do(ctx, func(d *data) error { label = d.Label; return nil })
	return label, err
}

// SetLabel implements omemo.Store.
func (s *Store) SetLabel(ctx context.Context, label string) error {
	return s.do(ctx, func(d *data) error { d.Label = label; return nil })
}

// PreKeyCount implements omemo.Store.
func (s *Store) PreKeyCount(ctx context.Context) (unused int, maxID uint32, err error) {
	err = s.do(ctx, func(d *data) error {
		for id, k := range d.PreKeys {
			maxID = max(maxID, id)
			if !k.Used {
				unused++
			}
		}
		return nil
	})
	return unused, maxID, err
}

// SavePreKey implements omemo.Store.
func (s *Store) SavePreKey(ctx context.Context, id uint32, private, public []byte) error {
	return s.do(ctx, func(d *data) error {
		d.PreKeys[id] = preKey{Private: bytes.Clone(private), Public: bytes.Clone(public)}
		return nil
	})
}

// PreKey implements omemo.Store.
func (s *Store) PreKey(ctx context.Context, id uint32) (private, public []byte, used, ok bool, err error) {
	err = s.do(ctx, func(d *data) error {
		var k preKey
		k, ok = d.PreKeys[id]
		private, public, used = bytes.Clone(k.Private), bytes.Clone(k.Public), k.Used
		return nil
	})
	return private, public, used, ok, err
}

// MarkPreKeyUsed implements omemo.Store.
func (s *Store) MarkPreKeyUsed(ctx context.Context, id uint32) error {
	return s.do(ctx, func(d *data) error {
		k, ok := d.PreKeys[id]
		if !ok {
			return errMissing
		}
		k.Used = true
		d.PreKeys[id] = k
		return nil
	})
}

// DeleteUsedPreKeys implements omemo.Store.
func (s *Store) DeleteUsedPreKeys(ctx context.Context) (n int, err error) {
	err = s.do(ctx, func(d *data) error {
		before := len(d.PreKeys)
		maps.DeleteFunc(d.PreKeys, func(_ uint32, k preKey) bool { return k.Used })
		n = before - len(d.PreKeys)
		return nil
	})
	return n, err
}

// PreKeys implements omemo.Store.
func (s *Store) PreKeys(ctx context.Context, fn func(id uint32, public []byte) error) error {
	return s.do(ctx, func(d *data) error {
		for _, id := range slices.Sorted(maps.Keys(d.PreKeys)) {
			if k := d.PreKeys[id]; !k.Used {
				if err := fn(id, bytes.Clone(k.Public)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// SaveSignedPreKey implements omemo.Store.
func (s *Store) SaveSignedPreKey(ctx context.Context, id uint32, private, public []byte, created time.Time) error {
	return s.do(ctx, func(d *data) error {
		d.Signed[id] = signedPreKey{bytes.Clone(private), bytes.Clone(public), created}
		return nil
	})
}

// newest lists the ids of the signed prekeys, the one created last first.
func (d *data) newest() []uint32 {
	return slices.SortedFunc(maps.Keys(d.Signed), func(a, b uint32) int {
		if c := d.Signed[b].Created.Compare(d.Signed[a].Created); c != 0 {
			return c
		}
		return cmp.Compare(b, a)
	})
}

// SignedPreKey implements omemo.Store.
func (s *Store) SignedPreKey(ctx context.Context, id uint32) (private, public []byte, created time.Time, ok bool, err error) {
	err = s.do(ctx, func(d *data) error {
		if ids := d.newest(); id == 0 && len(ids) > 0 {
			id = ids[0]
		}
		var k signedPreKey
		k, ok = d.Signed[id]
		private, public, created = bytes.Clone(k.Private), bytes.Clone(k.Public), k.Created
		return nil
	})
	return private, public, created, ok, err
}

// PruneSignedPreKeys implements omemo.Store.
func (s *Store) PruneSignedPreKeys(ctx context.Context, keep int) error {
	return s.do(ctx, func(d *data) error {
		ids := d.newest()
		for _, id := range ids[min(keep, len(ids)):] {
			delete(d.Signed, id)
		}
		return nil
	})
}

// Trust implements omemo.Store.
func (s *Store) Trust(ctx context.Context, jid string, identity []byte) (state uint8, ok bool, err error) {
	err = s.do(ctx, func(d *data) error {
		state, ok = d.Trust[trustKey{jid, string(identity)}]
		return nil
	})
	return state, ok, err
}

// SetTrust implements omemo.Store.
func (s *Store) SetTrust(ctx context.Context, jid string, identity []byte, state uint8, _ time.Time) error {
	return s.do(ctx, func(d *data) error {
		d.Trust[trustKey{jid, string(identity)}] = state
		return nil
	})
}

// HasVerified implements omemo.Store.
func (s *Store) HasVerified(ctx context.Context, jid string) (ok bool, err error) {
	err = s.do(ctx, func(d *data) error {
		for k, state := range d.Trust {
			ok = ok || (k.JID == jid && trust.State(state) == trust.Verified)
		}
		return nil
	})
	return ok, err
}

// BlindTrust implements omemo.Store.
func (s *Store) BlindTrust(ctx context.Context, jid string) (ok bool, err error) {
	err = s.do(ctx, func(d *data) error { ok = !d.NotBlind[jid]; return nil })
	return ok, err
}

// CatchingUp implements omemo.Store.
func (s *Store) CatchingUp(ctx context.Context) (ok bool, err error) {
	err = s.do(ctx, func(d *data) error { ok = d.CatchingUp; return nil })
	return ok, err
}
