// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/confab-im/confab/core"
	"github.com/confab-im/confab/internal/cutproxy"
	"github.com/confab-im/confab/internal/quickdrive"
)

const (
	burst    = 40 // messages sent in one go
	afterFew = 8  // of them are there before something breaks
)

var (
	emoji = "Grüße 👋🏽 from Alice: 👩‍👩‍👧‍👦🎉 ودٌّ 你好"
	long  = strings.Repeat("Ten thousand bytes, not one lost. ", 10_000/34+1)[:10_000]
)

func (d *demo) talk(ctx context.Context) error {
	for _, m := range []struct {
		from, to *quickdrive.Peer
		body     string
	}{{d.alice, d.bob, emoji}, {d.bob, d.alice, long}} {
		if err := d.exchange(ctx, m.from, m.to, m.body); err != nil {
			return err
		}
	}
	return nil
}

// exchange sends one message and follows it until the receipt is back.
func (d *demo) exchange(ctx context.Context, from, to *quickdrive.Peer, body string) error {
	mark, sent := to.Mark(), from.Mark()
	reply, err := from.Do(ctx, quickdrive.Command{Cmd: "send", Peer: to.JID, Body: body})
	if err != nil {
		return err
	}
	got, err := to.AwaitAfter(ctx, mark, func(l quickdrive.Line) bool {
		return l.Event == "message-added" && l.Message != nil && !l.Message.Outgoing
	})
	if err != nil {
		return err
	}
	m := got.Message
	if m.Body != body || m.Encryption != "omemo:2" {
		return fmt.Errorf("%s received something else: kind %s, %s, %d bytes, reason %q", to.JID, m.Kind, m.Encryption, len(m.Body), m.Reason)
	}
	states := []string{"queued"}
	for _, state := range []string{"sent", "delivered"} {
		l, err := from.AwaitAfter(ctx, sent, func(l quickdrive.Line) bool {
			return l.Event == "message-changed" && l.Message.ID == reply.Message.ID && reached(l.Message.State, state)
		})
		if err != nil {
			return fmt.Errorf("message not %s: %w", state, err)
		}
		if states[len(states)-1] != l.Message.State {
			states = append(states, l.Message.State)
		}
	}
	say("%s → %s: %s (%s, trust %s; %s)", name(from), name(to), excerpt(body), m.Encryption, m.Trust, strings.Join(states, " → "))
	return nil
}

func reached(state, wanted string) bool { return state == wanted || state == "delivered" }

func name(p *quickdrive.Peer) string {
	n, _, _ := strings.Cut(p.JID, "@")
	return strings.ToUpper(n[:1]) + n[1:]
}

func excerpt(body string) string {
	if utf8.RuneCountInString(body) <= 60 {
		return fmt.Sprintf("%q", body)
	}
	return fmt.Sprintf("%q… %d bytes", string([]rune(body)[:40]), len(body))
}

// fingerprints prints both sides' view and checks that they agree.
func (d *demo) fingerprints(ctx context.Context) error {
	for _, pair := range [][2]*quickdrive.Peer{{d.alice, d.bob}, {d.bob, d.alice}} {
		me, other := pair[0], pair[1]
		theirs, err := other.Do(ctx, quickdrive.Command{Cmd: "fingerprints", Peer: me.JID})
		if err != nil {
			return err
		}
		seen, err := me.Do(ctx, quickdrive.Command{Cmd: "fingerprints", Peer: other.JID})
		if err != nil {
			return err
		}
		if len(seen.Devices) != 1 || seen.Devices[0].Fingerprint != theirs.Own.Fingerprint {
			return fmt.Errorf("%s does not see the key that %s has", me.JID, other.JID)
		}
		key := seen.Devices[0]
		say("%s sees %s as %s, trust: %s", name(me), name(other), core.FormatFingerprint(key.Fingerprint), key.Trust)
		if key.Trust != "blind" {
			return fmt.Errorf("trust is %s, want blind", key.Trust)
		}
	}
	l, err := d.bob.Do(ctx, quickdrive.Command{Cmd: "fingerprints", Peer: d.alice.JID})
	if err != nil {
		return err
	}
	trust := quickdrive.Command{Cmd: "trust", Peer: d.alice.JID, Fingerprint: l.Devices[0].Fingerprint, State: "verified"}
	if _, err := d.bob.Do(ctx, trust); err != nil {
		return err
	}
	if l, err = d.bob.Do(ctx, quickdrive.Command{Cmd: "fingerprints", Peer: d.alice.JID}); err != nil {
		return err
	}
	if l.Devices[0].Trust != "verified" {
		return errors.New("the decision to verify was not kept")
	}
	say("Bob has compared and verified Alice's")
	return nil
}

// send lets Alice send a burst; breakIt is called once a few have arrived.
func (d *demo) send(ctx context.Context, label string, breakIt func() error) error {
	mark := d.bob.Mark()
	errs := make(chan error, 1)
	go func() {
		for i := range burst {
			c := quickdrive.Command{Cmd: "send", Peer: d.bob.JID, Body: fmt.Sprintf("%s %d", label, i)}
			if _, err := d.alice.Do(ctx, c); err != nil {
				errs <- err
				return
			}
		}
		errs <- nil
	}()
	seen := 0
	_, err := d.bob.AwaitAfter(ctx, mark, func(l quickdrive.Line) bool {
		if l.Event == "message-added" && l.Message != nil && strings.HasPrefix(l.Message.Body, label) {
			seen++
		}
		return seen == afterFew
	})
	if err != nil {
		return err
	}
	if err := breakIt(); err != nil {
		return err
	}
	return <-errs
}

// once waits until Bob has the whole burst and checks that each is there once
// and in order.
func (d *demo) once(ctx context.Context, label string) error {
	for {
		mark := d.bob.Mark()
		all, err := d.bob.History(ctx, d.alice.JID)
		if err != nil {
			return err
		}
		var got []string
		for _, m := range all {
			if m.Kind != "text" {
				return fmt.Errorf("a message that Bob cannot read: %s", m.Reason)
			}
			if strings.HasPrefix(m.Body, label) {
				got = append(got, m.Body)
			}
		}
		for i, body := range got {
			if want := fmt.Sprintf("%s %d", label, i); body != want {
				return fmt.Errorf("message %d of Bob's is %q, want %q", i, body, want)
			}
		}
		if len(got) == burst {
			say("Bob has all %d, each once and in order", burst)
			return nil
		}
		_, err = d.bob.AwaitAfter(ctx, mark, func(l quickdrive.Line) bool { return l.Event == "message-added" })
		if err != nil {
			return fmt.Errorf("arrived %d of %d: %w", len(got), burst, err)
		}
	}
}

func (d *demo) cut(ctx context.Context) error {
	mark := d.alice.Mark()
	err := d.send(ctx, "through a cut", func() error {
		say("cut after %d of %d messages", afterFew, burst)
		d.proxy.Cut(cutproxy.Reset)
		return nil
	})
	if err != nil {
		return err
	}
	l, err := d.alice.Online(ctx, mark)
	if err != nil {
		return err
	}
	if !l.Resumed {
		return errors.New("the stream was not resumed")
	}
	say("Alice is online again: the same stream, resumed")
	return d.once(ctx, "through a cut")
}

func (d *demo) kill(ctx context.Context) error {
	err := d.send(ctx, "through a kill", func() error {
		d.bob.Kill()
		<-d.bob.Ended()
		say("killed Bob after %d of %d messages", afterFew, burst)
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.bob.Start(ctx); err != nil {
		return err
	}
	l, err := d.bob.Online(ctx, 0)
	if err != nil {
		return err
	}
	if !l.Resumed {
		return errors.New("the new process did not resume the stream of the killed one")
	}
	say("Bob is started again and has resumed the stream of the killed process")
	return d.once(ctx, "through a kill")
}

// locked shows that the files betray nothing.
func (d *demo) locked(ctx context.Context) error {
	if err := d.bob.Quit(ctx); err != nil {
		return err
	}
	secrets := [][]byte{[]byte("through a kill"), []byte(d.alice.JID), []byte("CREATE TABLE"), []byte(d.bob.Password)}
	err := filepath.WalkDir(d.bob.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasPrefix(e.Name(), filepath.Base(d.bob.Database())) {
			return err
		}
		content, err := os.ReadFile(path)
		for _, secret := range secrets {
			if bytes.Contains(content, secret) {
				return fmt.Errorf("%s contains plain text", e.Name())
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	say("no text, address, password or table name stands in the database's files")
	wrong := make([]byte, 32)
	if _, err := rand.Read(wrong); err != nil {
		return err
	}
	client, err := core.Open(ctx, core.Config{Path: d.bob.Database(), Key: wrong})
	if err == nil {
		return errors.Join(errors.New("another key opened the database"), client.Close())
	}
	say("another key: %v [%s]", err, core.ErrorCode(err))
	text, err := os.ReadFile(d.bob.Database() + ".hexkey")
	if err != nil {
		return err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	// No engine, and nobody to sign in with: only the database is opened.
	if client, err = core.Open(ctx, core.Config{Path: d.bob.Database(), Key: key}); err != nil {
		return fmt.Errorf("the right key: %w", err)
	}
	found, err := client.Search(ctx, core.Search{Text: "kill", Limit: 1})
	if err = errors.Join(err, client.Close()); err != nil {
		return err
	}
	if len(found) != 1 {
		return errors.New("the right key does not find the messages")
	}
	say("the right key: the messages are there")
	return nil
}
