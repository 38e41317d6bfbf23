// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
)

var (
	keyA = engine.PublicKey{0: 0xb1, 31: 0x6e}
	keyB = engine.PublicKey{0: 0xf7, 31: 0x56}
	hexA = omemo.Fingerprint(keyA)
	hexB = omemo.Fingerprint(keyB)
)

func TestURI(t *testing.T) {
	one := omemo.URI{JID: alice, Keys: []omemo.URIKey{{820222489, keyA}}}
	two := omemo.URI{JID: alice, Keys: []omemo.URIKey{{820222489, keyA}, {omemo.MaxID, keyB}}}
	require.Equal(t, "xmpp:"+alice+"?omemo-sid-820222489="+hexA+";omemo-sid-2147483647="+hexB, two.String())
	for text, want := range map[string]omemo.URI{
		one.String(): one,
		two.String(): two,
		// As others write them.
		"XMPP:" + alice + "?omemo-sid-820222489=" + strings.ToUpper(hexA):                                       one,
		"xmpp:alice%40example.org?omemo-sid-820222489=" + hexA:                                                  one,
		"xmpp:" + alice + "?message;omemo-sid-820222489=" + hexA + ";body=hi":                                   one,
		"xmpp:" + alice + "?omemo-sid-820222489=" + hexA + "&omemo-sid-2147483647=" + hexB:                      two,
		"xmpp:" + alice + "?omemo-sid-820222489=" + hexA + ";":                                                  one,
		"xmpp:" + alice + "?omemo-sid-820222489=" + hexA + ";omemo-sid-820222489=" + hexA:                       one,
		"xmpp:" + alice + "?omemo-sid-820222489=05" + hexA:                                                      one,
		"xmpp:" + alice + "?omemo-sid-820222489=" + hexA + "#fragment":                                          one,
		"xmpp:" + alice + "?omemo-sid-820222489=" + strings.ReplaceAll(omemo.FormatFingerprint(keyA), " ", "-"): one,
		"xmpp:" + alice + "?OMEMO-SID-820222489=" + hexA:                                                        one,
	} {
		got, err := omemo.ParseURI(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, jid := range []string{"example.org", "grüße@exämple.org", `d'artagnan\20de\20x@example.org`, "a;b?c#d&e=f%g@[::1]"} {
		u := omemo.URI{JID: jid, Keys: one.Keys}
		got, err := omemo.ParseURI(u.String())
		require.NoError(t, err, u)
		require.Equal(t, u, got)
	}
}

func TestURIRefused(t *testing.T) {
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf("omemo-sid-%d=%s", i+1, hexA)
	}
	key := "?omemo-sid-1=" + hexA
	for _, text := range []string{
		"", "xmpp", "xmpp:", "xmpp:?omemo-sid-1=" + hexA, alice, alice + key, "mailto:" + alice + key,
		"xmpp:" + alice, "xmpp:" + alice + "?", "xmpp:" + alice + "?message;body=omemo-sid-1",
		"xmpp:" + alice + "/phone" + key, "xmpp:" + alice + "%2Fphone" + key, "xmpp://" + alice + key,
		"xmpp:alice%00@example.org" + key, "xmpp:alice%0a@example.org" + key, "xmpp:alice%f" + key, "xmpp:%ff@example.org" + key,
		"xmpp:" + strings.Repeat("a", 4000) + key,
		"xmpp:" + alice + "?omemo-sid-1", "xmpp:" + alice + "?omemo-sid-1=", "xmpp:" + alice + "?omemo-sid-=" + hexA,
		"xmpp:" + alice + "?omemo-sid-0=" + hexA, "xmpp:" + alice + "?omemo-sid--1=" + hexA, "xmpp:" + alice + "?omemo-sid-+1=" + hexA,
		"xmpp:" + alice + "?omemo-sid-01=" + hexA, "xmpp:" + alice + "?omemo-sid-1x=" + hexA,
		"xmpp:" + alice + "?omemo-sid-2147483648=" + hexA, "xmpp:" + alice + "?omemo-sid-99999999999999999999=" + hexA,
		"xmpp:" + alice + "?omemo-sid-1=" + hexA[:62], "xmpp:" + alice + "?omemo-sid-1=" + hexA + "00",
		"xmpp:" + alice + "?omemo-sid-1=" + strings.Repeat("0", 64),
		"xmpp:" + alice + "?omemo-sid-1=" + hexA + ";omemo-sid-1=" + hexB, // two keys of one device
		"xmpp:" + alice + "?omemo-sid-1=" + hexA + ";omemo-sid-2=x",       // one of them is none
		"xmpp:" + alice + "?" + strings.Join(many, ";"),
		"xmpp:" + alice + key + strings.Repeat(";x", 20_000),
	} {
		u, err := omemo.ParseURI(text)
		require.ErrorIs(t, err, omemo.ErrBadURI, text)
		require.Zero(t, u)
		require.NotContains(t, err.Error(), "alice", "errors are logged")
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("xmpp:" + alice + "?omemo-sid-1=" + hexA + ";omemo-sid-2=" + hexB)
	f.Add("xmpp:a%3Bb?x;OMEMO-sid-2147483647=05" + hexA + "&#")
	f.Add("xmpp:?omemo-sid-")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := omemo.ParseURI(s)
		if err != nil {
			return
		}
		again, err := omemo.ParseURI(u.String())
		require.NoError(t, err)
		require.Equal(t, u, again)
	})
}

func ExampleParseURI() {
	u, err := omemo.ParseURI("xmpp:bob@example.org?omemo-sid-7=" + hexA)
	fmt.Println(u.JID, u.Keys[0].Device, err)
	// Output: bob@example.org 7 <nil>
}
