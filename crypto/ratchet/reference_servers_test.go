// SPDX-License-Identifier: MPL-2.0

//go:build servers

package ratchet_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
	"github.com/confab-im/confab/crypto/ratchet"
)

// python is Debian's own interpreter: the packages are not visible to others.
const python = "/usr/bin/python3"

// reference is a device of python-omemo in a process of its own.
type reference struct {
	profile engine.Profile
	in      io.Writer
	out     *bufio.Reader
	errors  bytes.Buffer
}

type answer struct {
	Wire, Plain, Identity, Signed, Prekey, Signature, Public, Curve string
	Device                                                          uint32
	SignedID                                                        uint32 `json:"signed_id"`
	PrekeyID                                                        uint32 `json:"prekey_id"`
	Kex, OK                                                         bool
	Error                                                           string
}

func startReference(t *testing.T, p engine.Profile, sign int) *reference {
	t.Helper()
	for _, m := range [][2]string{{"oldmemo", "python3-oldmemo"}, {"twomemo", "python3-twomemo"}} {
		require.NoError(t, exec.Command(python, "-c", "import "+m[0]).Run(), "install the Debian package %s", m[1])
	}
	name := map[engine.Profile]string{engine.Profile03: "0.3", engine.Profile2: "2"}[p]
	cmd := exec.CommandContext(t.Context(), python, "testdata/reference.py", name, fmt.Sprint(sign))
	r := &reference{profile: p}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = &r.errors
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	r.in, r.out = in, bufio.NewReader(out)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return r
}

// do runs a command whose bytes are hexadecimal already.
func (r *reference) do(t *testing.T, command string, arguments map[string]any) answer {
	t.Helper()
	if arguments == nil {
		arguments = map[string]any{}
	}
	arguments["do"] = command
	line, err := json.Marshal(arguments)
	require.NoError(t, err)
	_, err = r.in.Write(append(line, '\n'))
	require.NoError(t, err, "%s", &r.errors)
	line, err = r.out.ReadBytes('\n')
	require.NoError(t, err, "%s", &r.errors)
	var a answer
	require.NoError(t, json.Unmarshal(line, &a), "%s", line)
	require.Empty(t, a.Error, "%s", command)
	return a
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// bundle is the reference's bundle as it would come from the network.
func (r *reference) bundle(t *testing.T) engine.Bundle {
	t.Helper()
	a := r.do(t, "bundle", nil)
	b := engine.Bundle{DeviceID: a.Device, SignedPreKeyID: a.SignedID, PreKeyID: a.PrekeyID, Signature: unhex(t, a.Signature)}
	var err error
	b.Identity, err = engine.ParseIdentity(r.profile, unhex(t, a.Identity))
	require.NoError(t, err)
	b.SignedPreKey, err = engine.ParsePublicKey(r.profile, unhex(t, a.Signed))
	require.NoError(t, err)
	b.PreKey, err = engine.ParsePublicKey(r.profile, unhex(t, a.Prekey))
	require.NoError(t, err)
	return b
}

// published is an own bundle as the network would see it.
func published(t *testing.T, p *enginetest.Party) map[string]any {
	t.Helper()
	identity, err := engine.IdentityBytes(p.Profile, p.Identity.Public)
	require.NoError(t, err)
	signed, err := engine.SignedBytes(p.Profile, p.Signed.Public)
	require.NoError(t, err)
	oneTime, err := engine.SignedBytes(p.Profile, p.OneTime.Public)
	require.NoError(t, err)
	return map[string]any{
		"device": p.Identity.RegistrationID, "identity": hex.EncodeToString(identity),
		"signed": hex.EncodeToString(signed), "signed_id": p.Signed.ID, "signature": hex.EncodeToString(p.Signature),
		"prekey": hex.EncodeToString(oneTime), "prekey_id": p.OneTime.ID,
	}
}

// peer is a session between the engine and the reference.
type peer struct {
	*reference
	own  *enginetest.Session
	rng  *rand.Rand
	made int
}

type sent struct {
	text, wire []byte
	kex        bool
}

// content is new key material of the size the profile has.
func (p *peer) content() []byte {
	size := map[engine.Profile]int{engine.Profile03: 32, engine.Profile2: 48}[p.profile]
	p.made++
	b := fmt.Appendf(make([]byte, 0, size), "message %d", p.made)
	return b[:size]
}

func (p *peer) fromOwn(t *testing.T) sent {
	m := sent{text: p.content()}
	m.wire, m.kex = p.own.Encrypt(t, string(m.text))
	return m
}

func (p *peer) fromReference(t *testing.T) sent {
	text := p.content()
	a := p.do(t, "encrypt", map[string]any{"plain": hex.EncodeToString(text)})
	return sent{text, unhex(t, a.Wire), a.Kex}
}

func (p *peer) toOwn(t *testing.T, m sent) {
	t.Helper()
	require.Equal(t, string(m.text), p.own.Decrypt(t, m.wire))
	p.own.Refuse(t, m.wire, engine.ErrDuplicate)
}

func (p *peer) toReference(t *testing.T, m sent) {
	t.Helper()
	a := p.do(t, "decrypt", map[string]any{"wire": hex.EncodeToString(m.wire), "kex": m.kex})
	require.Equal(t, hex.EncodeToString(m.text), a.Plain)
}

// Sessions with another implementation, begun by either side, whatever the sign
// of the other's identity in its Ed25519 form.
func TestReference(t *testing.T) {
	for _, p := range ratchet.New().Profiles() {
		for sign := range 2 {
			for _, begin := range []string{"own", "reference"} {
				t.Run(fmt.Sprintf("%s/sign %d/begun by %s", p, sign, begin), func(t *testing.T) {
					seed := rand.Uint64()
					t.Logf("seed %d", seed)
					x := &peer{reference: startReference(t, p, sign), rng: rand.New(rand.NewPCG(seed, 1))}
					if begin == "own" {
						x.begin(t)
					} else {
						x.answer(t)
					}
					x.talk(t)
				})
			}
		}
	}
}

// begin starts the session with several key exchanges, of which the third
// arrives first.
func (p *peer) begin(t *testing.T) {
	own := enginetest.NewParty(t, ratchet.New(), p.profile, 1001)
	bundle := p.bundle(t)
	state, err := own.Engine.Initiate(p.profile, own.Identity, bundle)
	require.NoError(t, err)
	p.own = &enginetest.Session{Party: own, State: state}
	remote, err := own.Engine.RemoteIdentity(state)
	require.NoError(t, err)
	require.Equal(t, bundle.Identity, remote)
	early := []sent{p.fromOwn(t), p.fromOwn(t)}
	first := p.fromOwn(t)
	a := p.do(t, "accept", map[string]any{"wire": hex.EncodeToString(first.wire)})
	require.Equal(t, hex.EncodeToString(first.text), a.Plain)
	for _, m := range early {
		require.True(t, m.kex)
		p.toReference(t, m)
	}
	back := p.fromReference(t)
	require.False(t, back.kex)
	p.toOwn(t, back)
}

func (p *peer) answer(t *testing.T) {
	own := enginetest.NewParty(t, ratchet.New(), p.profile, 1001)
	text := p.content()
	arguments := published(t, own)
	arguments["plain"] = hex.EncodeToString(text)
	first := p.do(t, "initiate", arguments)
	early := []sent{p.fromReference(t), p.fromReference(t)}
	// The third to be sent arrives first.
	state, plain, err := own.Engine.Accept(p.profile, own.Identity, own.Signed, own.OneTime, early[1].wire)
	require.NoError(t, err)
	require.Equal(t, string(early[1].text), string(plain))
	p.own = &enginetest.Session{Party: own, State: state}
	p.toOwn(t, sent{text, unhex(t, first.Wire), true})
	require.True(t, early[0].kex)
	p.toOwn(t, early[0])
	p.toReference(t, p.fromOwn(t))
}

// talk sends, loses, reorders and delays. What the reference sends in 0.3 can be
// late by a whole chain, too.
func (p *peer) talk(t *testing.T) {
	type queue struct{ now, late []sent }
	var toOwn, toReference queue
	take := func(q *[]sent) sent {
		i := p.rng.IntN(len(*q))
		m := (*q)[i]
		*q = append((*q)[:i], (*q)[i+1:]...)
		return m
	}
	for range 25 {
		for range 1 + p.rng.IntN(4) {
			toOwn.now = append(toOwn.now, p.fromReference(t))
		}
		for range 1 + p.rng.IntN(4) {
			toReference.now = append(toReference.now, p.fromOwn(t))
		}
		for _, q := range []*queue{&toOwn, &toReference} {
			deliver := p.toOwn
			if q == &toReference {
				deliver = p.toReference
			}
			for _, m := range q.late { // from the chain before
				deliver(t, m)
			}
			q.late = nil
			for len(q.now) > 0 {
				m := take(&q.now)
				switch delivered := len(q.late) < 2 && len(q.now) > 0; {
				case delivered && p.rng.IntN(4) == 0:
					q.late = append(q.late, m)
				case delivered && p.rng.IntN(8) == 0: // lost
				default:
					deliver(t, m)
				}
			}
		}
	}
}

// The signatures are the same byte by byte when the random is.
func TestReferenceSignatures(t *testing.T) {
	r := startReference(t, engine.Profile2, 0)
	random := rand.NewChaCha8([32]byte{1})
	for n := range 64 {
		var private engine.PrivateKey
		nonce, msg := make([]byte, 64), make([]byte, n)
		for _, b := range [][]byte{private[:], nonce, msg} {
			_, _ = random.Read(b)
		}
		private[0] &= 248
		private[31] = private[31]&127 | 64
		want := r.do(t, "sign", map[string]any{
			"private": hex.EncodeToString(private[:]), "nonce": hex.EncodeToString(nonce), "message": hex.EncodeToString(msg),
		})
		sig, err := ratchet.SignWith(bytes.NewReader(nonce), private, msg)
		require.NoError(t, err)
		require.Equal(t, want.Signature, hex.EncodeToString(sig))
		public, err := private.Public()
		require.NoError(t, err)
		require.Equal(t, want.Curve, public.String())
		form, err := public.Edwards()
		require.NoError(t, err)
		require.Equal(t, want.Public, hex.EncodeToString(form[:]))
		require.True(t, r.do(t, "verify", map[string]any{
			"signature": hex.EncodeToString(sig), "public": want.Public, "message": hex.EncodeToString(msg),
		}).OK)
	}
}
