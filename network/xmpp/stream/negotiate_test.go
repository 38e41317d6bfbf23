// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/dial"
	"github.com/confab-im/confab/network/xmpp/element"
	"github.com/confab-im/confab/network/xmpp/sasl"
)

// inTheClear runs a test with a server that has no direct TLS.
func inTheClear(t *testing.T, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newRig(t, false)) })
}

func TestStartTLS(t *testing.T) {
	inTheClear(t, func(r *rig) {
		p := r.accept()
		require.NotContains(t, p.open(startTLS), "from=", "who we are is said before TLS")
		p.expect(nsTLS, "starttls")
		p.write(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
		p.tls()
		require.Contains(t, p.open(mechanisms), "from='"+account+"'")
		p.expect(nsSASL, "auth")
		require.True(t, r.auth.offers[0].TLS.HandshakeComplete)
		p.write(success)
		p.restart()
		p.open(bindSM)
		p.bound()
		p.expect(nsSM, "enable")
		p.write(`<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>`)
		p.pump()
		require.Equal(t, "s1", r.want(Online).Online.ID)
		r.send("1")
		p.expectBodies("1")
	})
}

// Whatever a server, or somebody on the way, says instead of offering TLS,
// nothing of the account is ever said in the clear.
func TestNeverWithoutTLS(t *testing.T) {
	for name, tc := range map[string]struct{ features, answer string }{
		"not offered, refused":  {mechanisms, `<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`},
		"not offered, error":    {mechanisms, `<stream:error><unsupported-stanza-type xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`},
		"not offered, closed":   {mechanisms, `</stream:stream>`},
		"not offered, success":  {mechanisms, success},
		"nothing offered":       {"", `<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`},
		"binding offered":       {bindSM, `<message/>`},
		"refused":               {startTLS + mechanisms, `<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`},
		"other namespace":       {startTLS, `<proceed xmlns='x'/>`},
		"silence":               {startTLS, ""},
		"other TLS and SASL ns": {`<starttls xmlns='x'/>` + mechanisms, `<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`},
	} {
		t.Run(name, func(t *testing.T) {
			inTheClear(t, func(r *rig) {
				p := r.accept()
				require.NotContains(t, p.open(tc.features), "alice")
				p.expect(nsTLS, "starttls")
				if tc.answer != "" {
					p.write(tc.answer)
				}
				if _, err := p.frames.Next(); err == nil {
					require.Fail(t, "something was sent in the clear")
				}
				require.ErrorIs(t, r.want(Offline).Err, ErrNoTLS)
				require.Zero(t, r.auth.selects)
				r.accept() // later it may be possible
			})
		})
	}
}

// What comes behind <proceed/> was not encrypted: CVE-2011-0411.
func TestNothingAheadOfTLS(t *testing.T) {
	inTheClear(t, func(r *rig) {
		p := r.accept()
		p.open(startTLS)
		p.expect(nsTLS, "starttls")
		p.write(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>` + header)
		p.gone()
		require.ErrorIs(t, r.want(Offline).Err, ErrProtocol)
	})
}

// A server that falls silent, at whatever step, is given up in time.
func TestTrap01_SilentServer(t *testing.T) {
	steps := []func(*peer){
		func(p *peer) {},
		func(p *peer) { p.pumpRaw(); p.write(header[:40]) },
		func(p *peer) { p.pumpRaw(); p.write(header) },
		func(p *peer) { p.pumpRaw(); p.write(header + "<stream:features>") },
		func(p *peer) { p.open(mechanisms); p.expect(nsSASL, "auth") },
		func(p *peer) { p.open(mechanisms); p.expect(nsSASL, "auth"); p.write(success); p.restart() },
		func(p *peer) { p.signIn(bindSM) },
		func(p *peer) { p.signIn(bindSM); p.bound() },
	}
	for i, step := range steps {
		t.Run(fmt.Sprint("step ", i), func(t *testing.T) {
			bubble(t, func(r *rig) {
				p := r.accept()
				begun := time.Now()
				step(p)
				p.pumpRaw()
				require.ErrorIs(t, r.want(Offline).Err, ErrTimeout)
				require.Equal(t, 20*time.Second, time.Since(begun))
			})
		})
	}
	t.Run("context", func(t *testing.T) {
		bubble(t, func(r *rig) {
			p := r.accept()
			p.pumpRaw()
			time.Sleep(time.Second)
			begun := time.Now()
			r.stop()
			require.ErrorIs(t, r.result(), context.Canceled)
			require.Less(t, time.Since(begun), time.Second)
		})
	})
}

// pumpRaw reads and forgets, so that the client is never kept from writing.
func (p *peer) pumpRaw() {
	if p.pumped {
		return // a second reader would wait for a mutex, which stops the bubble's time
	}
	p.pumped = true
	go func() {
		b := make([]byte, 1000)
		for {
			if _, err := p.conn.Read(b); err != nil {
				return
			}
		}
	}()
}

// A server that says a little all the time is given up as well.
func TestSlowServer(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.accept()
		begun := time.Now()
		p.pumpRaw()
		for i := 0; ; i++ {
			if _, err := p.conn.Write([]byte{header[i%20]}); err != nil {
				break
			}
			time.Sleep(5 * time.Second)
		}
		require.LessOrEqual(t, time.Since(begun), 25*time.Second)
		require.ErrorIs(t, r.want(Offline).Err, ErrTimeout)
	})
	bubble(t, func(r *rig) { // whole elements, none of them helpful
		p := r.accept()
		begun := time.Now()
		p.open(mechanisms)
		p.pumpRaw()
		for {
			if _, err := p.conn.Write([]byte(`<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>eA==</challenge>`)); err != nil {
				break
			}
			time.Sleep(15 * time.Second)
		}
		require.LessOrEqual(t, time.Since(begun), 75*time.Second)
		require.Error(t, r.want(Offline).Err)
	})
}

// Features that leave nothing to do must not count as being signed in.
func TestTrap02_EmptyFeatures(t *testing.T) {
	for _, features := range []string{
		"", "<x xmlns='y'/>", bindSM, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
		"<mechanisms xmlns='x'/>", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
	} {
		bubble(t, func(r *rig) {
			p := r.accept()
			p.open(features)
			p.gone()
			err := r.want(Offline).Err
			require.Error(t, err, features)
			var coded interface{ Code() string }
			require.ErrorAs(t, err, &coded)
			require.Zero(t, r.auth.selects)
		})
	}
	bubble(t, func(r *rig) {
		p := r.accept()
		p.open("")
		require.ErrorIs(t, r.want(Offline).Err, ErrUnauthenticated)
	})
	for _, features := range []string{"", "<sm xmlns='urn:xmpp:sm:3'/>", mechanisms} {
		bubble(t, func(r *rig) { // signed in, but nobody in particular
			p := r.accept()
			p.signIn(features)
			p.gone()
			require.Error(t, r.want(Offline).Err)
		})
	}
}

// Challenges without an end, or without sense, do not keep us busy.
func TestTrap03_EndlessChallenges(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.accept()
		p.open(mechanisms)
		rounds := 0
		for {
			f, err := p.frames.Next()
			if err != nil {
				break
			}
			rounds++
			_ = f
			if _, err := p.conn.Write([]byte(`<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>eA==</challenge>`)); err != nil {
				break
			}
		}
		require.LessOrEqual(t, rounds, maxRounds+1)
		require.ErrorIs(t, r.want(Offline).Err, ErrProtocol)
	})
	bubble(t, func(r *rig) {
		p := r.accept()
		p.open(mechanisms)
		p.expect(nsSASL, "auth")
		p.write(`<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>!!!</challenge>`)
		p.gone()
		require.ErrorIs(t, r.want(Offline).Err, sasl.ErrMalformed)
	})
}

// A server that does not prove itself is left.
func TestServerMustProveItself(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.accept()
		p.open(mechanisms)
		p.expect(nsSASL, "auth")
		p.write(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>bGlhcg==</success>`)
		p.gone()
		require.ErrorIs(t, r.want(Offline).Err, sasl.ErrServerSignature)
	})
}

func TestOffer(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.accept()
		p.open(mechanisms + `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>`)
		p.expect(nsSASL, "auth")
		o := r.auth.offers[0]
		require.Equal(t, []string{"X-TEST"}, o.Mechanisms)
		require.Equal(t, []string{"tls-exporter"}, o.Bindings)
		require.True(t, o.TLS.HandshakeComplete)
	})
	bubble(t, func(r *rig) {
		p := r.accept()
		p.open(mechanisms)
		p.expect(nsSASL, "auth")
		require.Nil(t, r.auth.offers[0].Bindings)
	})
}

func failure(condition string) string {
	return `<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><` + condition + `/><text>no</text></failure>`
}

func TestSignInRefused(t *testing.T) {
	for condition, want := range map[string]error{
		"not-authorized":   sasl.ErrNotAuthorized,
		"account-disabled": sasl.ErrAccountDisabled,
	} {
		bubble(t, func(r *rig) {
			p := r.accept()
			p.open(mechanisms)
			p.expect(nsSASL, "auth")
			p.write(failure(condition))
			require.ErrorIs(t, r.want(Offline).Err, want)
			require.ErrorIs(t, r.result(), want)
			_, err := r.s.Next(context.Background(), nil)
			require.ErrorIs(t, err, ErrClosed)
		})
	}
	bubble(t, func(r *rig) { // for now
		p := r.accept()
		p.open(mechanisms)
		p.expect(nsSASL, "auth")
		p.write(failure("temporary-auth-failure"))
		require.ErrorIs(t, r.want(Offline).Err, sasl.ErrTemporary)
		r.online("s1")
	})
	bubble(t, func(r *rig) { // where another mechanism may do
		r.auth.again = true
		p := r.accept()
		p.open(mechanisms)
		p.expect(nsSASL, "auth")
		p.write(failure("not-authorized"))
		p.expect(nsSASL, "auth")
		p.write(failure("not-authorized"))
		p.expect(nsSASL, "auth")
		p.write(success)
		p.restart()
		p.open(bindSM)
		p.bound()
		require.Len(t, r.auth.ended, 3)
	})
	bubble(t, func(r *rig) { // or another connection
		r.auth.again = true
		p := r.accept()
		p.open(mechanisms)
		p.expect(nsSASL, "auth")
		p.write(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>bGlhcg==</success>`)
		r.want(Offline)
		r.online("s1")
	})
	bubble(t, func(r *rig) { // but not without end
		r.auth.again = true
		p := r.accept()
		p.open(mechanisms)
		tries := 0
		for {
			if _, err := p.frames.Next(); err != nil {
				break
			}
			tries++
			if _, err := p.conn.Write([]byte(failure("not-authorized"))); err != nil {
				break
			}
		}
		require.Equal(t, maxTries, tries)
		require.Error(t, r.want(Offline).Err)
	})
	for _, fatal := range []error{sasl.ErrPlainRefused, sasl.ErrNoMechanism, sasl.ErrPasswordNeeded} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, true, func(c *Config) { c.Auth = &credentials{err: fatal} })
			r.accept().open(mechanisms)
			require.ErrorIs(t, r.result(), fatal)
		})
	}
}

func TestTrap06_WantedResource(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.accept()
		p.signIn(bindSM)
		iq := p.bound()
		require.Equal(t, "phone", iq.Child(nsBind, "bind").ChildText(nsBind, "resource"))
	})
	bubble(t, func(r *rig) {
		p := r.accept()
		p.signIn(bindSM)
		require.Nil(t, p.bound().Child(nsBind, "bind").Child(nsBind, "resource"))
	}, func(c *Config) { c.Resource = "" })
	bubble(t, func(r *rig) { // taken: leave the choice to the server
		p := r.accept()
		p.signIn(bindSM)
		id := p.expect(element.NSClient, "iq").AttrValue("id")
		p.write(`<iq type='error' id='` + id + `'><error type='modify'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		err := r.want(Offline).Err
		require.ErrorIs(t, err, ErrBind)
		require.ErrorIs(t, err, stanza.Error{Condition: stanza.Conflict})
		p = r.accept()
		p.signIn(bindSM)
		require.Nil(t, p.bound().Child(nsBind, "bind").Child(nsBind, "resource"))
	})
}

func TestBindAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"other id":      `<iq type='result' id='x'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>` + full + `</jid></bind></iq>`,
		"other account": `<iq type='result' id='%s'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>bob@example.org/x</jid></bind></iq>`,
		"no resource":   `<iq type='result' id='%s'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>` + account + `</jid></bind></iq>`,
		"nothing":       `<iq type='result' id='%s'/>`,
		"no address":    `<iq type='result' id='%s'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>@</jid></bind></iq>`,
		"error":         `<iq type='error' id='%s'/>`,
		"other element": `<message id='%s'/>`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				p := r.accept()
				p.signIn(bindSM)
				id := p.expect(element.NSClient, "iq").AttrValue("id")
				p.write(strings.ReplaceAll(answer, "%s", id))
				p.gone()
				err := r.want(Offline).Err
				require.True(t, errors.Is(err, ErrBind) || errors.Is(err, ErrProtocol), err)
			})
		})
	}
}

// The order of features, or of what else is among them, makes no difference.
func TestTrap14_OrderOfFeatures(t *testing.T) {
	other := `<c xmlns='http://jabber.org/protocol/caps' node='x'/><register xmlns='http://jabber.org/features/iq-register'/>` +
		`<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>`
	for _, features := range [][2]string{
		{other + mechanisms, other + bindSM},
		{mechanisms + other, bindSM + other},
		{mechanisms, `<sm xmlns='urn:xmpp:sm:3'/><sm xmlns='urn:xmpp:sm:2'/><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><required/></bind>`},
	} {
		for range 10 {
			bubble(t, func(r *rig) {
				p := r.accept()
				p.open(features[0])
				p.expect(nsSASL, "auth")
				p.write(success)
				p.restart()
				p.open(features[1])
				p.bound()
				p.expect(nsSM, "enable")
				p.write(`<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='1'/>`)
				require.True(t, r.want(Online).Online.SM)
			})
		}
	}
}

func streamError(condition string) string {
	return "<stream:error><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" +
		"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>secret of the server</text></stream:error></stream:stream>"
}

func TestStreamErrors(t *testing.T) {
	for condition, fatal := range map[string]bool{
		"conflict": true, "system-shutdown": false, "policy-violation": false, "host-gone": false,
		"host-unknown": false, "reset": false, "not-authorized": false, "resource-constraint": false,
	} {
		t.Run(condition, func(t *testing.T) {
			bubble(t, func(r *rig) {
				p := r.online("s1")
				p.write(streamError(condition))
				err := r.want(Offline).Err
				var se *StreamError
				require.ErrorAs(t, err, &se)
				require.Equal(t, condition, se.Condition)
				require.Equal(t, "secret of the server", se.Text)
				require.Equal(t, "xmpp.stream."+condition, se.Code())
				require.NotContains(t, err.Error(), "secret")
				if fatal {
					require.ErrorIs(t, r.result(), err)
				} else {
					begun := time.Now()
					r.accept()
					require.Equal(t, condition == "reset", time.Since(begun) == 0)
				}
			})
		})
	}
	t.Run("unknown domain", func(t *testing.T) {
		bubble(t, func(r *rig) {
			p := r.accept()
			p.pumpRaw()
			p.write(`<stream:stream id='1' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>` +
				streamError("host-unknown"))
			var se *StreamError
			require.ErrorAs(t, r.result(), &se)
			require.Equal(t, "host-unknown", se.Condition)
		})
	})
	t.Run("made up", func(t *testing.T) {
		bubble(t, func(r *rig) {
			p := r.online("s1")
			p.write(streamError("surprise"))
			require.EqualError(t, r.want(Offline).Err, "stream error: undefined-condition")
		})
	})
	t.Run("other prefix", func(t *testing.T) {
		bubble(t, func(r *rig) {
			p := r.accept()
			_, err := p.frames.Next()
			require.NoError(t, err)
			p.write(`<s:stream from='example.org' id='1' version='1.0' xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>` +
				`<s:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></s:error>`)
			require.ErrorContains(t, r.want(Offline).Err, "policy-violation")
		})
	})
}

func TestRedirects(t *testing.T) {
	other := func(host string) string {
		return "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>" + host + "</see-other-host></stream:error>"
	}
	bubble(t, func(r *rig) {
		for i := range maxRedirects + 2 {
			p := r.accept()
			_, err := p.frames.Next()
			require.NoError(t, err)
			p.write(header + other(fmt.Sprintf("10.0.0.%d:5223", i)))
			r.want(Offline)
		}
		require.Equal(t, []string{
			"127.0.0.1:5223", "10.0.0.0:5223", "10.0.0.1:5223", "10.0.0.2:5223", "127.0.0.1:5223",
		}, r.dialled())
	})
	inTheClear(t, func(r *rig) { // anybody could have said so
		p := r.accept()
		_, err := p.frames.Next()
		require.NoError(t, err)
		p.write(header + other("10.0.0.1:5222"))
		r.want(Offline)
		r.accept()
		require.Equal(t, []string{"127.0.0.1:5222", "127.0.0.1:5222"}, r.dialled())
	})
}

// A resumption goes where the server wants it, if that can be reached.
func TestLocation(t *testing.T) {
	bubble(t, func(r *rig) {
		p := r.accept()
		p.signIn(bindSM)
		p.bound()
		p.expect(nsSM, "enable")
		p.write(`<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true' location='10.0.0.1:5223'/>`)
		require.Equal(t, "10.0.0.1:5223", r.want(Online).Online.Location)
		p.cut()
		r.want(Offline)
		r.accept().resumed("s1", 0)
		require.Equal(t, "10.0.0.1:5223", r.want(Online).Online.Location)
		require.Equal(t, []string{"127.0.0.1:5223", "10.0.0.1:5223"}, r.dialled())
	})
}

func TestDialErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := idleRig(t, true)
		r.setRefuse(true)
		r.start()
		var de *dial.Error
		require.ErrorAs(t, r.want(Offline).Err, &de)
		r.setRefuse(false)
		p := r.accept().ready("s1")
		require.NotNil(t, p)
	})
}
