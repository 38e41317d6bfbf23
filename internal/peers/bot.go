// SPDX-License-Identifier: MPL-2.0

package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/internal/testserver"
)

// Profile is a version of OMEMO.
type Profile string

// The profiles; the zero value means plain text.
const (
	OMEMO03 Profile = "0.3" // eu.siacs.conversations.axolotl
	OMEMO2  Profile = "2"   // urn:xmpp:omemo:2
)

// Level is how far a bot trusts a key.
type Level string

// The levels of trust.
const (
	Undecided  Level = "undecided"
	Trusted    Level = "trusted"
	Distrusted Level = "distrusted"
)

const (
	quitGrace   = 5 * time.Second
	signInTries = 5
)

// BotConfig says where a bot signs in.
type BotConfig struct {
	Server  *testserver.Server
	Account testserver.Account

	// Addr replaces the server's own STARTTLS address, for a proxy.
	Addr string
	// Register makes the bot register the account in band (XEP-0077) first.
	Register bool
	// Profiles are the versions of OMEMO the bot has; nil means OMEMO03 only,
	// empty means none.
	Profiles []Profile
	// StateFile keeps keys and sessions, so that a later bot with the same
	// file is the same device. Empty: a new device, forgotten at the end.
	StateFile string
}

// Bot is a running scripted client that has signed in.
type Bot struct {
	Account testserver.Account
	JID     string // full

	process *botProcess
}

// StartBot runs a bot until the test ends, and ends the test when it cannot
// sign in.
func StartBot(t testing.TB, config BotConfig) *Bot {
	t.Helper()
	b, err := RunBot(t.Context(), t.TempDir(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("errors of the bot: %s\nevents nobody took: %+v", b.process.errors, b.Pending())
		}
		b.Close()
	})
	return b
}

// RunBot runs a bot with its scripts in dir and signs it in. ctx bounds the
// sign-in only. The caller must call Close.
func RunBot(ctx context.Context, dir string, config BotConfig) (*Bot, error) {
	addr := config.Addr
	if addr == "" {
		addr = config.Server.Addr
	}
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("start bot: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("start bot: %w", err)
	}
	profiles := config.Profiles
	if profiles == nil {
		profiles = []Profile{OMEMO03}
	}
	if config.StateFile == "" {
		config.StateFile = filepath.Join(dir, "state.json")
	}
	arguments := map[string]any{
		"jid": config.Account.JID(), "password": config.Account.Password, "host": host, "port": port,
		"ca": config.Server.CAFile, "register": config.Register, "profiles": profiles, "state": config.StateFile,
	}
	for try := 1; ; try++ {
		b, err := signIn(ctx, dir, config.Account, arguments)
		if err == nil {
			return b, nil
		}
		// ejabberd aborts one of two transactions that make nodes at the same
		// time. It sends no device lists to the session in which it first meets
		// a set of client features; it does in the next one.
		retry := strings.Contains(err.Error(), "no device lists come") || strings.Contains(err.Error(), "internal-server-error")
		if try == signInTries || !retry {
			return nil, fmt.Errorf("sign bot in: %w", err)
		}
		arguments["register"] = false
	}
}

func signIn(ctx context.Context, dir string, account testserver.Account, arguments any) (*Bot, error) {
	process, err := startBotProcess(dir)
	if err != nil {
		return nil, err
	}
	b := &Bot{Account: account, process: process}
	var result struct {
		JID string `json:"jid"`
	}
	if err := process.call(ctx, "login", arguments, &result); err != nil {
		b.Close()
		return nil, err
	}
	b.JID = result.JID
	return b, nil
}

// Outgoing is a message to send.
type Outgoing struct {
	To        string   `json:"to"`
	Body      string   `json:"body"`
	Encrypted Profile  `json:"encrypted"`            // empty: plain text
	Type      string   `json:"type,omitempty"`       // "chat" by default, "groupchat" for a room
	ID        string   `json:"id,omitempty"`         // chosen by the bot when empty
	Receipt   bool     `json:"receipt"`              // ask for a receipt (XEP-0184)
	NoBody    bool     `json:"no_fallback"`          // encrypted without a fallback body
	Readers   []string `json:"recipients,omitempty"` // bare addresses to encrypt for; the receiver by default
	Hold      bool     `json:"hold,omitempty"`       // do not send it: the stanza is in Sent.XML
}

// Sent tells what became of a message.
type Sent struct {
	ID       string   `json:"id"`
	Warnings []string `json:"warnings"` // devices that were left out
	XML      string   `json:"xml"`      // of a message that was held, for Raw
}

// Send sends a message.
func (b *Bot) Send(ctx context.Context, m Outgoing) (Sent, error) {
	if m.Type == "" {
		m.Type = "chat"
	}
	var sent Sent
	err := b.process.call(ctx, "send", m, &sent)
	return sent, err
}

// Device is an OMEMO device as a bot sees it.
type Device struct {
	ID          uint32    `json:"device"`
	Label       string    `json:"label"`
	Fingerprint string    `json:"fingerprint"` // 64 hexadecimal digits: the Curve25519 identity key
	Trust       Level     `json:"trust"`
	Active      []Profile `json:"active"`
}

// OwnDevice returns the bot's own device.
func (b *Bot) OwnDevice(ctx context.Context) (Device, error) {
	var device Device
	err := b.process.call(ctx, "own_device", struct{}{}, &device)
	return device, err
}

// Devices fetches the device lists of a bare address and returns all devices
// the bot knows of it.
func (b *Bot) Devices(ctx context.Context, jid string) ([]Device, error) {
	var devices []Device
	err := b.process.call(ctx, "devices", map[string]any{"jid": jid}, &devices)
	return devices, err
}

// Trust decides on a key.
func (b *Bot) Trust(ctx context.Context, jid, fingerprint string, level Level) error {
	return b.process.call(ctx, "trust", map[string]any{"jid": jid, "fingerprint": fingerprint, "level": level}, nil)
}

// BlindTrust sets whether new keys are trusted without asking; on at first.
func (b *Bot) BlindTrust(ctx context.Context, on bool) error {
	return b.process.call(ctx, "blind", map[string]any{"on": on}, nil)
}

// Befriend asks for a presence subscription. Bots grant every request and ask
// back.
func (b *Bot) Befriend(ctx context.Context, jid string) error {
	return b.process.call(ctx, "befriend", map[string]any{"jid": jid}, nil)
}

// Join enters a room (XEP-0045).
func (b *Bot) Join(ctx context.Context, room, nick string) error {
	return b.process.call(ctx, "join", map[string]any{"room": room, "nick": nick}, nil)
}

// Configure changes the configuration of a room that the bot owns, by the field
// names of XEP-0045 section 10.1.
func (b *Bot) Configure(ctx context.Context, room string, fields map[string]string) error {
	return b.process.call(ctx, "configure", map[string]any{"room": room, "fields": fields}, nil)
}

// Raw sends XML as it is.
func (b *Bot) Raw(ctx context.Context, xml string) error {
	return b.process.call(ctx, "raw", map[string]any{"xml": xml}, nil)
}

// Presence announces availability; typ "unavailable" makes the bot invisible
// while it stays connected.
func (b *Bot) Presence(ctx context.Context, show, typ string) error {
	return b.process.call(ctx, "presence", map[string]any{"show": show, "type": typ}, nil)
}

// Event is something that happened to a bot.
type Event struct {
	Kind string `json:"event"` // "message", "receipt", "presence", "devices", "disconnected" or "failure"
	From string `json:"from"`
	To   string `json:"to"`
	ID   string `json:"id"` // of the message; of the acknowledged one in a receipt
	Type string `json:"type"`

	// Of messages.
	Body        string  `json:"body"`
	OriginID    string  `json:"origin"`
	Carbon      string  `json:"carbon"` // "sent" or "received"
	Encrypted   Profile `json:"encrypted"`
	Device      uint32  `json:"device"` // the sender's
	Fingerprint string  `json:"fingerprint"`
	Trust       Level   `json:"trust"`
	Empty       bool    `json:"empty"`   // carried keys only
	RealJID     string  `json:"realjid"` // the sender's bare address, of encrypted messages

	Devices []uint32 `json:"devices"` // the new device list

	// Error tells why a message could not be decrypted, or what failed.
	Error string `json:"error"`
}

// Await returns the first event that matches, waiting for it if need be. Every
// event is returned once; the others are kept for later calls.
func (b *Bot) Await(ctx context.Context, match func(Event) bool) (Event, error) {
	return b.process.take(ctx, match)
}

// Pending returns the events that Await has not returned yet.
func (b *Bot) Pending() []Event { return b.process.pending() }

// FromContact matches messages with content, or that could not be decrypted,
// from a bare address.
func FromContact(jid string) func(Event) bool {
	return func(e Event) bool {
		return e.Kind == "message" && !e.Empty && bareJID(e.From) == jid && (e.Body != "" || e.Error != "")
	}
}

// Receipt matches the receipt for a message id.
func Receipt(id string) func(Event) bool {
	return func(e Event) bool { return e.Kind == "receipt" && e.ID == id }
}

// DevicesOf matches a device list of a bare address that holds a device.
func DevicesOf(jid string, device uint32) func(Event) bool {
	return func(e Event) bool {
		if e.Kind != "devices" || bareJID(e.From) != jid {
			return false
		}
		for _, d := range e.Devices {
			if d == device {
				return true
			}
		}
		return false
	}
}

// Kill ends the bot as a crash would.
func (b *Bot) Kill() { b.process.process.Kill() }

// Close signs the bot out and ends it.
func (b *Bot) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), quitGrace)
	defer cancel()
	err := b.process.call(ctx, "quit", struct{}{}, nil)
	_ = b.process.stdin.Close()
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		b.process.process.Stop(quitGrace)
		return
	}
	b.process.process.Kill()
}

func bareJID(jid string) string {
	for i := range len(jid) {
		if jid[i] == '/' {
			return jid[:i]
		}
	}
	return jid
}
