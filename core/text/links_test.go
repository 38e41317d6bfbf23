// SPDX-License-Identifier: MPL-2.0

package text_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/core/text"
)

func TestLinks(t *testing.T) {
	for body, want := range map[string][]string{
		"see https://example.org/a.":                       {"https://example.org/a"},
		"HTTPS://EXAMPLE.ORG":                              {"HTTPS://EXAMPLE.ORG"},
		"(https://example.org/a_(b))":                      {"https://example.org/a_(b)"},
		"[x](https://example.org/a)":                       {"https://example.org/a"},
		"https://example.org/?a=b&c#d!":                    {"https://example.org/?a=b&c#d"},
		"https://a.example https://b.example":              {"https://a.example", "https://b.example"},
		"https://a.example,https://b.example":              {"https://a.example,https://b.example"},
		"<https://example.org>":                            {"https://example.org"},
		"\"https://example.org\"":                          {"https://example.org"},
		"https://example.org/\u200bx":                      {"https://example.org/"},
		"https://example.org/\u202ex":                      {"https://example.org/"},
		"\u4f60https://example.org":                        {}, // the end of another word
		"xhttps://example.org":                             {},
		"https:// example.org":                             {},
		"https:///x":                                       {},
		"https://":                                         {},
		"https:example.org":                                {},
		"https://.":                                        {},
		"https://example.org:port/":                        {},
		"javascript:alert(1)":                              {},
		"file:///etc/passwd":                               {},
		"data:text/html,x":                                 {},
		"note: this":                                       {},
		"xmpp:juliet@capulet.example?message":              {"xmpp:juliet@capulet.example?message"},
		"mailto:a@b.example":                               {"mailto:a@b.example"},
		"tel:+49-30-1 tel:x":                               {"tel:+49-30-1"},
		"geo:52.5,13.4;u=10 geo:x":                         {"geo:52.5,13.4;u=10"},
		"mailto: a":                                        {},
		"aesgcm://host.example/x#ab":                       {"aesgcm://host.example/x#ab"},
		"*https://example.org*":                            {"https://example.org"},
		"`https://example.org`":                            {},
		"```\nhttps://example.org\n```":                    {},
		"> https://example.org":                            {"https://example.org"},
		"http:http:http:http://x.example":                  {"http://x.example"},
		"https://example.org/" + strings.Repeat("x", 5000): {},
	} {
		got := []string{}
		for _, s := range text.Parse(body, text.Options{}).Spans {
			if s.Kind == text.Link {
				got = append(got, body[s.Start:s.End])
				require.Equal(t, body[s.Start:s.End], s.Link.URL)
			}
		}
		require.Equal(t, want, got, "%+q", body)
	}
	require.Len(t, text.Parse("https://example.org", text.Options{Unstyled: true}).Spans, 1)
}

func TestWarnings(t *testing.T) {
	for url, want := range map[string]text.LinkInfo{
		"https://example.org/x":              {Host: "example.org", ASCII: "example.org"},
		"http://example.org":                 {Host: "example.org", ASCII: "example.org", Warnings: text.NotEncrypted},
		"https://bank.example@evil.example/": {Host: "evil.example", ASCII: "evil.example", Warnings: text.HasUser},
		"https://127.0.0.1/":                 {Host: "127.0.0.1", ASCII: "127.0.0.1", Warnings: text.IsAddress},
		"https://[::1]:443/":                 {Host: "::1", ASCII: "::1", Warnings: text.IsAddress},
		"https://2130706433/":                {Host: "2130706433", ASCII: "2130706433", Warnings: text.IsAddress},
		"https://0x7f.0x1/":                  {Host: "0x7f.0x1", ASCII: "0x7f.0x1", Warnings: text.IsAddress},
		"https://m\u00fcnchen.example":       {Host: "m\u00fcnchen.example", ASCII: "xn--mnchen-3ya.example", Warnings: text.International},
		"https://xn--mnchen-3ya.example":     {Host: "m\u00fcnchen.example", ASCII: "xn--mnchen-3ya.example", Warnings: text.International},
		// Cyrillic a in a Latin word; a word that is all Cyrillic.
		"https://p\u0430ypal.example":   {Host: "p\u0430ypal.example", ASCII: "xn--pypal-4ve.example", Warnings: text.International | text.MixedScripts},
		"https://xn--pypal-4ve.example": {Host: "p\u0430ypal.example", ASCII: "xn--pypal-4ve.example", Warnings: text.International | text.MixedScripts},
		"https://\u0430\u0440\u0440\u04cf\u0435.example": {
			Host: "\u0430\u0440\u0440\u04cf\u0435.example", ASCII: "xn--80ak6aa92e.example", Warnings: text.International | text.Lookalike,
		},
		"https://\u043f\u0440\u0438\u043c\u0435\u0440.example": {
			Host: "\u043f\u0440\u0438\u043c\u0435\u0440.example", ASCII: "xn--e1afmkfd.example", Warnings: text.International,
		},
		"https://\u4f8b\u3048\u30c6\u30b9\u30c8a.example": {Warnings: text.International}, // Japanese with Latin is usual
	} {
		parsed := text.Parse(url, text.Options{})
		require.Len(t, parsed.Spans, 1, "%+q", url)
		got := parsed.Spans[0].Link
		require.Equal(t, want.Warnings, got.Warnings, "%+q", url)
		if want.Host != "" {
			require.Equal(t, want.Host, got.Host, "%+q", url)
			require.Equal(t, want.ASCII, got.ASCII, "%+q", url)
		}
		require.Equal(t, text.Browse, got.Action)
		require.True(t, got.Opens())
	}
	long := text.Parse("https://"+strings.Repeat("\u00e9", 600)+"/", text.Options{})
	require.Equal(t, text.BadName, long.Spans[0].Link.Warnings)

	for url, want := range map[string]text.Action{
		"xmpp:a@b": text.Chat, "mailto:a@b": text.Mail, "tel:1": text.Call, "geo:1,2": text.Map, "aesgcm://h/x#00": text.Media,
	} {
		got := text.Parse(url, text.Options{}).Spans[0].Link
		require.Equal(t, want, got.Action)
		require.Equal(t, want != text.Media, got.Opens())
		require.Empty(t, got.Host)
	}
}
