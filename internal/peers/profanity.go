// SPDX-License-Identifier: MPL-2.0

package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/confab-im/confab/internal/child"
	"github.com/confab-im/confab/internal/testserver"
)

// ProfanityConfig says where profanity signs in.
type ProfanityConfig struct {
	Server  *testserver.Server
	Account testserver.Account
	// Addr replaces the server's own STARTTLS address, for a proxy.
	Addr string
}

// Profanity is a running profanity that has signed in. It speaks OMEMO 0.3.
type Profanity struct {
	Account testserver.Account

	dir      string
	terminal *terminal
	taken    map[string]bool // log rows that Await has returned
}

// StartProfanity runs profanity until the test ends, and ends the test when it
// cannot sign in.
func StartProfanity(t testing.TB, config ProfanityConfig) *Profanity {
	t.Helper()
	p, err := RunProfanity(t.Context(), t.TempDir(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			screen, _ := p.Screen(context.Background())
			t.Logf("screen of profanity:\n%s", strings.TrimSpace(screen))
		}
		p.Close()
	})
	return p
}

// RunProfanity runs profanity with its files in dir, signs it in and publishes
// its OMEMO keys. ctx bounds the start only. The caller must call Close.
func RunProfanity(ctx context.Context, dir string, config ProfanityConfig) (*Profanity, error) {
	path, err := child.LookPath("profanity", "profanity")
	if err != nil {
		return nil, err
	}
	addr := config.Addr
	if addr == "" {
		addr = config.Server.Addr
	}
	p := &Profanity{Account: config.Account, dir: dir, taken: make(map[string]bool)}
	if err := p.configure(addr); err != nil {
		return nil, fmt.Errorf("configure profanity: %w", err)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	p.terminal, err = openTerminal(ctx, []string{
		"HOME=" + dir, "XDG_CONFIG_HOME=" + filepath.Join(dir, "config"), "XDG_DATA_HOME=" + filepath.Join(dir, "data"),
	}, path+" -a "+config.Account.JID())
	if err != nil {
		return nil, fmt.Errorf("start profanity: %w", err)
	}
	if err := p.signIn(ctx); err != nil {
		p.Close()
		return nil, fmt.Errorf("sign profanity in: %w", err)
	}
	return p, nil
}

func (p *Profanity) configure(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	account := fmt.Sprintf(`[%[1]s]
enabled=true
jid=%[1]s
password=%[2]s
resource=profanity
server=%[3]s
port=%[4]s
tls.policy=trust
omemo.policy=automatic
presence.last=online
presence.login=online
`, p.Account.JID(), p.Account.Password, host, port)
	const settings = `[ui]
splash=false
titlebar.muc.title.name=false
[omemo]
trustmode=blind
log=on
[logging]
chlog=true
dblog=on
[notifications]
message=false
`
	for name, content := range map[string]string{
		"data/profanity/accounts": account,
		"config/profanity/profrc": settings,
	} {
		file := filepath.Join(p.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// emptyDeviceList publishes a device list without devices. On an account that
// has none, profanity never publishes its own.
const emptyDeviceList = `<iq type='set' id='empty-list'><pubsub xmlns='http://jabber.org/protocol/pubsub'>` +
	`<publish node='eu.siacs.conversations.axolotl.devicelist'><item id='current'>` +
	`<list xmlns='eu.siacs.conversations.axolotl'/></item></publish><publish-options>` +
	`<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>` +
	`<value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
	`<field var='pubsub#access_model'><value>open</value></field></x></publish-options></pubsub></iq>`

// listAnswer is the server's answer to emptyDeviceList in the XML console.
var listAnswer = regexp.MustCompile(`(?s)RECV:.{0,60}<iq[^>]*empty-list`)

func (p *Profanity) signIn(ctx context.Context) error {
	steps := []struct {
		command string
		answer  func(screen string) bool
	}{
		{"", holds("logged in successfully")},
		{"/xmlconsole", holds("XML Console")},
		{emptyDeviceList, listAnswer.MatchString},
		{"/win 1", holds("logged in successfully")},
		// Device lists that came before the keys are made are lost, and so are
		// the contacts' until they come again: see StartOMEMO.
		{"/omemo gen", holds("Blind trust for " + p.Account.JID() + " device")},
	}
	for _, step := range steps {
		if step.command != "" {
			if err := p.Command(ctx, step.command); err != nil {
				return err
			}
		}
		if _, err := p.terminal.await(ctx, "answer to '"+step.command+"'", step.answer); err != nil {
			return err
		}
	}
	return nil
}

func holds(text string) func(string) bool {
	return func(screen string) bool { return strings.Contains(screen, text) }
}

// StartOMEMO opens a chat with a bare address and encrypts in it from now on.
// It returns when profanity has the contact's keys.
func (p *Profanity) StartOMEMO(ctx context.Context, jid string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	for _, command := range []string{"/msg " + jid, "/omemo start"} {
		if err := p.Command(ctx, command); err != nil {
			return err
		}
	}
	encrypted := func(screen string) bool {
		title, _, _ := strings.Cut(screen, "\n")
		return strings.Contains(title, jid) && strings.Contains(title, "[OMEMO]")
	}
	if _, err := p.terminal.await(ctx, "an encrypted chat", encrypted); err != nil {
		return err
	}
	_, err := p.Fingerprints(ctx, jid)
	return err
}

// Say sends a message to a bare address: encrypted after StartOMEMO.
func (p *Profanity) Say(ctx context.Context, jid, text string) error {
	return p.Command(ctx, "/msg "+jid+" "+text)
}

// Fingerprints returns the fingerprints that profanity knows of a bare address,
// as 64 hexadecimal digits each, waiting until there is one.
func (p *Profanity) Fingerprints(ctx context.Context, jid string) ([]string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	for {
		for _, command := range []string{"/clear", "/omemo fingerprint " + jid} {
			if err := p.Command(ctx, command); err != nil {
				return nil, err
			}
		}
		// No answer means no keys yet: ask again after a while.
		attempt, end := context.WithTimeout(ctx, time.Second)
		screen, err := p.terminal.await(attempt, "fingerprints of "+jid, holds(jid+"'s OMEMO fingerprint:"))
		end()
		if err == nil {
			var found []string
			for _, line := range strings.Split(screen, "\n") {
				if strings.Contains(line, jid+"'s OMEMO fingerprint:") {
					found = append(found, strings.ReplaceAll(fingerprintLine.FindString(line), "-", ""))
				}
			}
			return found, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
	}
}

// Command types a line and the return key: a command that begins with a slash,
// or what is said in the current window.
func (p *Profanity) Command(ctx context.Context, line string) error {
	if strings.ContainsAny(line, "\r\n") {
		return errors.New("type into profanity: more than one line")
	}
	return p.terminal.enter(ctx, line)
}

// Screen returns what is to be seen.
func (p *Profanity) Screen(ctx context.Context) (string, error) { return p.terminal.screen(ctx) }

// AwaitScreen waits until the screen shows a text.
func (p *Profanity) AwaitScreen(ctx context.Context, text string) (string, error) {
	return p.terminal.await(ctx, "'"+text+"'", holds(text))
}

// fingerprintLine is how profanity shows a fingerprint: groups of eight.
var fingerprintLine = regexp.MustCompile(`(?:[0-9a-f]{8}-){7}[0-9a-f]{8}`)

// LogEntry is a message in profanity's log.
type LogEntry struct {
	Row       int    `json:"row"`
	From      string `json:"from"` // bare
	To        string `json:"to"`   // bare
	Body      string `json:"body"`
	ID        string `json:"id"`
	Encrypted string `json:"encryption"` // "omemo" or "none"
	Type      string `json:"type"`       // "chat", "muc" or "mucpm"
}

// readLog is run by Debian's Python, because there must be no second SQLite in
// this process.
const readLog = `
import json, sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True, timeout=10)
rows = db.execute("SELECT id, from_jid, to_jid, message, stanza_id, encryption, type FROM ChatLogs ORDER BY id")
names = ("row", "from", "to", "body", "id", "encryption", "type")
print(json.dumps([dict(zip(names, [v if v is not None else "" for v in row])) for row in rows]))
`

// Log returns the messages sent and received so far.
func (p *Profanity) Log(ctx context.Context) ([]LogEntry, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	found, err := filepath.Glob(filepath.Join(p.dir, "data/profanity/database/*/chatlog.db"))
	if err != nil {
		return nil, fmt.Errorf("find profanity's log: %w", err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	cmd := exec.CommandContext(ctx, python, "-c", readLog, found[0])
	output, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("read profanity's log: %w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("read profanity's log: %w", err)
	}
	var entries []LogEntry
	if err := json.Unmarshal(output, &entries); err != nil {
		return nil, fmt.Errorf("decode profanity's log: %w", err)
	}
	return entries, nil
}

// Await returns the first message in the log that matches and has not been
// returned before, waiting for it if need be.
func (p *Profanity) Await(ctx context.Context, match func(LogEntry) bool) (LogEntry, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	ticker := time.NewTicker(2 * screenPoll)
	defer ticker.Stop()
	for {
		entries, err := p.Log(ctx)
		for _, entry := range entries {
			row := fmt.Sprint(entry.Row)
			if !p.taken[row] && match(entry) {
				p.taken[row] = true
				return entry, nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			screen, _ := p.Screen(context.Background())
			return LogEntry{}, fmt.Errorf("await message in profanity's log: %w\n%s", errors.Join(ctx.Err(), err), strings.TrimSpace(screen))
		}
	}
}

// Close ends profanity.
func (p *Profanity) Close() { p.terminal.close() }
