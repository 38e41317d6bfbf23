// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/confab-im/confab/crypto/engine"
)

// Config configures a [Manager]. Engine and JID are required.
type Config struct {
	Engine  engine.Engine
	Profile engine.Profile   // zero is Profile03
	JID     string           // own bare JID
	Rand    io.Reader        // content keys, ids, prekeys; nil is the system's source
	Now     func() time.Time // nil is time.Now
	Logger  *slog.Logger     // nil discards
	Limits  Limits
}

// Limits bound what is kept and looked at. Zero fields have the defaults named.
type Limits struct {
	PreKeys          int           // unused one-time prekeys to keep, 100
	SignedPreKeyAge  time.Duration // rotation of the signed prekey, 7 days
	SignedPreKeys    int           // signed prekeys to keep, the current one included, 2
	Devices          int           // active devices per JID, 250; four times as many are remembered
	Payload          int           // payload in bytes, 1 MiB
	Keys             int           // key elements of an envelope, 20,000
	Candidates       int           // key elements for the own device id that are tried, 16
	HeartbeatAfter   int           // messages without an answer, 53
	AnnounceAttempts int           // republications of the own device in a row, 3
}

func (l Limits) withDefaults() Limits {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.PreKeys, 100)
	set(&l.SignedPreKeys, 2)
	set(&l.Devices, 250)
	set(&l.Payload, 1<<20)
	set(&l.Keys, 20_000)
	set(&l.Candidates, 16)
	set(&l.HeartbeatAfter, 53)
	set(&l.AnnounceAttempts, 3)
	if l.SignedPreKeyAge <= 0 {
		l.SignedPreKeyAge = 7 * 24 * time.Hour
	}
	return l
}

// Manager does OMEMO for one account. Apart from its configuration and a count
// of republications it has no state: everything is in the [Store] given to each
// call. It is safe for concurrent use as far as the stores are.
type Manager struct {
	engine  engine.Engine
	profile engine.Profile
	scheme  scheme
	jid     string
	rand    io.Reader
	now     func() time.Time
	log     *slog.Logger
	limits  Limits

	announced atomic.Int32 // republications in a row
}

// New makes a Manager. Errors: ErrConfig, engine.ErrUnsupported if the engine
// does not speak the profile.
func New(cfg Config) (*Manager, error) {
	if cfg.Engine == nil || !bareJID(cfg.JID) {
		return nil, fmt.Errorf("new manager: %w", ErrConfig)
	}
	if cfg.Profile == 0 {
		cfg.Profile = engine.Profile03
	}
	if !slices.Contains(cfg.Engine.Profiles(), cfg.Profile) {
		return nil, fmt.Errorf("new manager: %w", engine.ErrUnsupported)
	}
	s, err := schemeFor(cfg.Profile)
	if err != nil {
		return nil, fmt.Errorf("new manager: %w", err)
	}
	m := &Manager{
		engine: cfg.Engine, profile: cfg.Profile, scheme: s, jid: cfg.JID,
		rand: cfg.Rand, now: cfg.Now, log: cfg.Logger, limits: cfg.Limits.withDefaults(),
	}
	if m.rand == nil {
		m.rand = rand.Reader
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	return m, nil
}

// JID is the own bare JID.
func (m *Manager) JID() string { return m.jid }

// Profile is the profile the manager speaks.
func (m *Manager) Profile() engine.Profile { return m.profile }

func bareJID(s string) bool { return s != "" && !strings.Contains(s, "/") }

func validID(id uint32) bool { return id >= 1 && id <= MaxID }
