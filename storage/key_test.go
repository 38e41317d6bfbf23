// SPDX-License-Identifier: MPL-2.0

package storage

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/storage/backend"
)

// canary has letters only, so that it shows as text and as bytes.
var canary = []byte("CanaryCanaryCanaryCanaryCanaryCa")

// requireSilent renders values in every way and looks for the canary.
func requireSilent(t *testing.T, secret []byte, values ...any) {
	t.Helper()
	shapes := []string{string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)),
		base64.StdEncoding.EncodeToString(secret), strings.Trim(fmt.Sprint(secret[:6]), "[]"),
		strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", secret[:6]), "[]byte{"), "}")}
	for i, v := range values {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		h := &slog.HandlerOptions{Level: slog.LevelDebug}
		slog.New(slog.NewTextHandler(&out, h)).Debug("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, h)).Debug("x", "v", v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		for _, s := range shapes {
			require.NotContains(t, out.String(), s, "value %d, %T", i, v)
		}
	}
}

func TestKeyCanary(t *testing.T) {
	var log bytes.Buffer
	for name, key := range map[string]Key{"raw": RawKey(canary), "passphrase": Passphrase(canary)} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(filepath.Join(t.TempDir(), "a.db"))
			o.Key = key
			o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			db := openWith(t, o)
			requireSilent(t, canary, key, &key, o, &o, db, db.conns.writerPool, db.conns.readerPool, &db.conns, db.key, db.config())
			requireSilent(t, db.key.Bytes(), db, db.conns.writerPool, &db.conns, db.config(), o)

			s, err := db.take(ctx, db.conns.writers)
			require.NoError(t, err)
			requireSilent(t, db.key.Bytes(), s, *s, s.conn)
			db.conns.writers <- s

			w, r, err := db.backend.Connectors(db.config())
			require.NoError(t, err)
			requireSilent(t, db.key.Bytes(), w, r, w.Driver())

			_, err = Open(ctx, o)
			requireSilent(t, canary, err)
			require.NoError(t, db.Close())
			require.Equal(t, make([]byte, backend.KeySize), db.key.Bytes(), "the key was not wiped")
			requireSilent(t, canary, db)
		})
	}
	requireSilent(t, canary, log.String())
	require.Contains(t, log.String(), "database opened")
}

// Errors name neither the key, nor a text, nor a path.
func TestErrorCanary(t *testing.T) {
	dir := filepath.Join(t.TempDir(), string(canary))
	require.NoError(t, os.Mkdir(dir, 0o700))
	o := testOptions(filepath.Join(dir, "a.db"))
	var errs []any
	fails := func(err error) {
		t.Helper()
		require.Error(t, err)
		var coded interface{ Code() string }
		require.ErrorAs(t, err, &coded)
		errs = append(errs, err, errors.Unwrap(err))
	}
	db := openWith(t, o)
	fill(t, db, 1)
	for name, err := range map[string]error{
		"match": db.View(ctx, func(r *Reader) error {
			return r.one([]any{new(int)}, "SELECT docid FROM message_fts WHERE message_fts MATCH ?", `"`+string(canary)+`" AND (`)
		}),
		"syntax": db.View(ctx, func(r *Reader) error { return r.one([]any{new(int)}, "SELECT "+string(canary)) }),
		"scan":   db.View(ctx, func(r *Reader) error { return r.one([]any{new(int)}, "SELECT ?", string(canary)) }),
		"constraint": db.Update(ctx, func(tx *Tx) error {
			return tx.CreateAccount(&Account{Kind: "xmpp", Address: "me@example.org", Secret: canary})
		}),
		"not found": db.View(ctx, func(r *Reader) error { _, err := r.ConversationByPeer(1, string(canary)); return err }),
		"backup":    db.Backup(ctx, filepath.Join(dir, "absent", "b"), RawKey(canary)),
		"exists":    db.Backup(ctx, o.Path, RawKey(canary)),
		"key":       db.ChangeKey(ctx, RawKey(canary[:5])),
	} {
		t.Run(name, func(t *testing.T) { fails(err) })
	}
	require.NoError(t, db.Close())
	o.Key = RawKey(canary)
	_, err := Open(ctx, o)
	fails(err)
	o.Path = filepath.Join(dir, "absent", "b.db")
	_, err = Open(ctx, o)
	fails(err)
	o.Path, o.LockPath = dir, filepath.Join(dir, "lock")
	_, err = Open(ctx, o)
	fails(err)
	requireSilent(t, canary, errs...)
}

func TestRowsRedactThemselves(t *testing.T) {
	s := string(canary)
	requireSilent(t, canary, Secret(canary),
		Account{Kind: s, Address: s, Resource: s, Secret: canary, Settings: canary, Credentials: canary},
		Conversation{Peer: s, Title: s, LastPreview: s, Draft: s},
		Message{Sender: s, RemoteID: s, Body: s, Reason: s, Extra: canary},
		&Message{Body: s}, []Message{{Body: s}},
		OutboxRow{To: s, Stanza: canary, StreamID: s},
		Stream{ID: s, JID: s}, RosterItem{JID: s, Name: s, Groups: []string{s}}, Gap{Archive: s},
	)
}

// A driver that splices a passphrase into SQL chokes on quotes.
func TestPassphraseCharacters(t *testing.T) {
	for _, p := range []string{`"`, `'`, `"; DROP TABLE x; --`, `x'00'`, "a?b&c=d%20#", "\x00", "\xff\xfe", "пароль 密码", " ", strings.Repeat("long", 1000)} {
		o := testOptions(filepath.Join(t.TempDir(), "a.db"))
		o.Key = Passphrase([]byte(p))
		db, err := Open(ctx, o)
		require.NoError(t, err, "%q", p)
		fill(t, db, 1)
		require.NoError(t, db.Close())
		db, err = Open(ctx, o)
		require.NoError(t, err, "%q", p)
		require.NoError(t, db.Close())
		o.Key = Passphrase([]byte(p + "x"))
		openFails(t, o, ErrKey)
	}
}

func TestEnvelope(t *testing.T) {
	key, ok := backend.NewKey(testKey)
	require.True(t, ok)
	for _, salt := range [][]byte{nil, bytes.Repeat([]byte{7}, 16)} {
		e, err := sealEnvelope([]byte("p"), key, salt, cheap)
		require.NoError(t, err)
		b := e.encode()
		require.Len(t, b, envelopeSize)
		require.NotContains(t, string(b), string(testKey))
		d, err := decodeEnvelope(b)
		require.NoError(t, err)
		require.Equal(t, salt, d.salt)
		got, err := d.open([]byte("p"))
		require.NoError(t, err)
		require.Equal(t, testKey, got.Bytes())
		_, err = d.open([]byte("q"))
		require.ErrorIs(t, err, ErrKey)

		again, err := sealEnvelope([]byte("p"), key, salt, cheap)
		require.NoError(t, err)
		require.NotEqual(t, b, again.encode())

		// No bit of it can be changed unnoticed.
		for i := range b {
			for bit := range 8 {
				c := bytes.Clone(b)
				c[i] ^= 1 << bit
				d, err := decodeEnvelope(c)
				if err != nil || d.argon.memory > 1024 || d.argon.passes > 8 {
					continue
				}
				_, err = d.open([]byte("p"))
				require.Error(t, err, "byte %d", i)
			}
		}
	}
	only := &envelope{salt: bytes.Repeat([]byte{7}, 16)}
	d, err := decodeEnvelope(only.encode())
	require.NoError(t, err)
	require.Equal(t, only, d)
	_, err = d.open([]byte("p"))
	require.ErrorIs(t, err, ErrKeyFile)
}

func TestDefaultCost(t *testing.T) {
	require.GreaterOrEqual(t, defaultArgon.memory, uint32(64*1024))
	require.GreaterOrEqual(t, defaultArgon.passes, uint32(3))
	o, err := Options{Path: "x", Key: RawKey(testKey)}.complete()
	require.NoError(t, err)
	require.Equal(t, defaultArgon, o.argon)
}

func FuzzDecodeEnvelope(f *testing.F) {
	key, _ := backend.NewKey(testKey)
	e, err := sealEnvelope([]byte("p"), key, bytes.Repeat([]byte{7}, 16), cheap)
	require.NoError(f, err)
	f.Add(e.encode())
	e.salt = nil
	f.Add(e.encode())
	f.Add((&envelope{salt: make([]byte, 16)}).encode())
	f.Add([]byte("CFBK\x01\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEnvelope(b)
		if err != nil {
			require.ErrorIs(t, err, ErrKeyFile)
			return
		}
		require.Equal(t, b, e.encode())
		require.LessOrEqual(t, e.argon.memory, uint32(maxArgonMemory))
	})
}
