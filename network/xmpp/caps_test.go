// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/disco/info"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"github.com/confab-im/confab/network/xmpp/element"
)

// The examples of XEP-0115 §5.2 and §5.3.
const (
	exodusVer  = "QgayPKawpkPSDYmwT/WM94uAlu0="
	exodusInfo = `<query xmlns='http://jabber.org/protocol/disco#info' node='http://code.google.com/p/exodus#QgayPKawpkPSDYmwT/WM94uAlu0='>` +
		`<identity category='client' name='Exodus 0.9.1' type='pc'/><feature var='http://jabber.org/protocol/caps'/>` +
		`<feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>` +
		`<feature var='http://jabber.org/protocol/muc'/></query>`
	psiVer  = "q07IKJEyjvHSyhy//CH0CxmKi8w="
	psiInfo = `<query xmlns='http://jabber.org/protocol/disco#info' node='http://psi-im.org#q07IKJEyjvHSyhy//CH0CxmKi8w='>` +
		`<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/><identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>` +
		`<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>` +
		`<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>` +
		`<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>` +
		`<field var='ip_version' type='text-multi' ><value>ipv4</value><value>ipv6</value></field><field var='os'><value>Mac</value></field>` +
		`<field var='os_version'><value>10.5.1</value></field><field var='software'><value>Psi</value></field>` +
		`<field var='software_version'><value>0.11</value></field></x></query>`
)

func mustInfo(t testing.TB, s string) Info {
	t.Helper()
	i, err := ParseInfo(parse(t, s))
	require.NoError(t, err)
	return i
}

func TestCapsPublishedHashes(t *testing.T) {
	for ver, s := range map[string]string{exodusVer: exodusInfo, psiVer: psiInfo} {
		got, err := mustInfo(t, s).Hash()
		require.NoError(t, err)
		require.Equal(t, ver, got)
		require.True(t, Caps{Hash: "sha-1", Ver: ver}.verify(mustInfo(t, s)))
		require.False(t, Caps{Hash: "sha-1", Ver: ver + "="}.verify(mustInfo(t, s)))
		require.False(t, Caps{Hash: "md5", Ver: ver}.verify(mustInfo(t, s)))
		require.False(t, Caps{Hash: "sha-256", Ver: ver}.verify(mustInfo(t, s)))

		again, err := mustInfo(t, text(mustInfo(t, s).Element())).Hash()
		require.NoError(t, err)
		require.Equal(t, ver, again, "the cached form hashes the same")
	}
}

func TestCapsIllFormed(t *testing.T) {
	identity := `<identity category='client' type='pc'/>`
	form := `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>a</value></field></x>`
	for name, in := range map[string]string{
		"identity twice":  identity + identity,
		"feature twice":   identity + `<feature var='a'/><feature var='a'/>`,
		"form type twice": identity + form + form,
		"two form types":  identity + strings.Replace(form, "<value>a", "<value>b</value><value>a", 1),
	} {
		_, err := mustInfo(t, `<query xmlns='http://jabber.org/protocol/disco#info'>`+in+`</query>`).Hash()
		require.ErrorIs(t, err, ErrMalformed, name)
	}
}

func TestCapsIgnoresFormsWithoutHiddenType(t *testing.T) {
	want, err := mustInfo(t, exodusInfo).Hash()
	require.NoError(t, err)
	for _, form := range []string{
		`<x xmlns='jabber:x:data' type='result'/>`,
		`<x xmlns='jabber:x:data' type='result'><field var='a'><value>b</value></field></x>`,
		`<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>b</value></field></x>`,
		`<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'/></x>`,
	} {
		got, err := mustInfo(t, strings.Replace(exodusInfo, "</query>", form+"</query>", 1)).Hash()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// TestCapsSeparatorCannotBeForged: without escaping, a name could pretend to be
// further features.
func TestCapsSeparatorCannotBeForged(t *testing.T) {
	honest := Info{Identities: []info.Identity{{Category: "client", Type: "pc", Name: "x"}}, Features: []string{"a"}}
	forged := Info{Identities: []info.Identity{{Category: "client", Type: "pc", Name: "x<a"}}}
	h1, err := honest.Hash()
	require.NoError(t, err)
	h2, err := forged.Hash()
	require.NoError(t, err)
	require.NotEqual(t, h1, h2)
}

type memoryCaps struct {
	mu   sync.Mutex
	m    map[string][]byte
	fail error
}

func (c *memoryCaps) LoadCaps(_ context.Context, hash, ver string) ([]byte, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.m[hash+" "+ver]
	return b, ok, c.fail
}

func (c *memoryCaps) SaveCaps(_ context.Context, hash, ver string, b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[string][]byte{}
	}
	c.m[hash+" "+ver] = b
	return c.fail
}

func TestCapabilitiesCache(t *testing.T) {
	ctx := context.Background()
	full := jid.MustParse("romeo@montague.example/orchard")
	psi := &Caps{Hash: "sha-1", Node: "http://psi-im.org", Ver: psiVer}
	ask := exchange{stanza.GetIQ, full.String(), `<query xmlns='http://jabber.org/protocol/disco#info' node='http://psi-im.org#` + psiVer + `'/>`, psiInfo}

	cache := &memoryCaps{}
	c, _ := newTest(t, Config{Caps: cache}, ask)
	for range 2 {
		i, err := c.Capabilities(ctx, full, psi)
		require.NoError(t, err)
		require.True(t, i.Has("http://jabber.org/protocol/muc"))
		require.True(t, i.Is("client", "pc"))
		require.Equal(t, "Mac", i.Form("urn:xmpp:dataforms:softwareinfo").Value("os"))
	}

	// Another process finds it.
	c, _ = newTest(t, Config{Caps: cache})
	_, err := c.Capabilities(ctx, full, psi)
	require.NoError(t, err)

	// A liar is believed about itself only.
	lie := ask
	lie.answer = exodusInfo
	c, _ = newTest(t, Config{Caps: &memoryCaps{}}, lie, ask)
	i, err := c.Capabilities(ctx, full, psi)
	require.NoError(t, err)
	require.Empty(t, i.Forms)
	i, err = c.Capabilities(ctx, full, psi)
	require.NoError(t, err)
	require.NotEmpty(t, i.Forms)

	// A broken cache costs a request, no more.
	c, _ = newTest(t, Config{Caps: &memoryCaps{fail: errors.New("disk")}}, ask, ask)
	for range 2 {
		_, err = c.Capabilities(ctx, full, psi)
		require.NoError(t, err)
	}
	c, _ = newTest(t, Config{Caps: &memoryCaps{m: map[string][]byte{"sha-1 " + psiVer: []byte("<x")}}}, ask)
	_, err = c.Capabilities(ctx, full, psi)
	require.NoError(t, err)

	// Our own are known, and without caps there is nothing to cache.
	c, _ = newTest(t, Config{}, exchange{stanza.GetIQ, full.String(), `<query xmlns='http://jabber.org/protocol/disco#info'/>`, psiInfo})
	own := c.caps
	i, err = c.Capabilities(ctx, full, &own)
	require.NoError(t, err)
	require.Equal(t, c.info, i)
	_, err = c.Capabilities(ctx, full, nil)
	require.NoError(t, err)
}

func TestCapabilitiesAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := newTest(t, Config{Caps: &memoryCaps{}})
		var asked int
		release := make(chan struct{})
		f.handle = func(stanza.IQType, jid.JID, *element.Element) (*element.Element, error) {
			asked++
			<-release
			return parse(t, psiInfo), nil
		}
		psi := &Caps{Hash: "sha-1", Node: "http://psi-im.org", Ver: psiVer}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := c.Capabilities(t.Context(), romeo, psi)
				require.NoError(t, err)
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			_, err := c.Capabilities(ctx, romeo, psi)
			if err != nil { // it may have been the one to ask
				require.ErrorIs(t, err, context.Canceled)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		wg.Wait()
		require.Equal(t, 1, asked)
	})
}

func TestOwnInfo(t *testing.T) {
	c, _ := newTest(t, Config{Software: Software{Name: "Brand"}, Device: "phone", Features: []string{"urn:x", "urn:x", NotifyDevices(OMEMO2)}})
	require.True(t, c.info.Is("client", "phone"))
	for _, f := range []string{"urn:x", "eu.siacs.conversations.axolotl.devicelist+notify", "urn:xmpp:omemo:2:devices+notify", "jabber:iq:version", "urn:xmpp:ping"} {
		require.True(t, c.info.Has(f), f)
	}
	_, err := New(Config{})
	require.ErrorIs(t, err, ErrConfig)
}
