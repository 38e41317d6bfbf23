// SPDX-License-Identifier: MPL-2.0

package media_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/media"
)

// The example of XEP-0454 §3.
const (
	exampleURL  = "https://download.montague.tld/4a771ac1-f0b2-4a4a-9700-f2a26fa2bb67/tr%C3%A8s%20cool.jpg"
	exampleKey  = "8c3d050e9386ec173861778f68e9af38a97aaf82faa4063b4d0878a61261534410c8a84331eaac851759f587"
	exampleLink = "aesgcm" + "://download.montague.tld/4a771ac1-f0b2-4a4a-9700-f2a26fa2bb67/tr%C3%A8s%20cool.jpg#"
)

func TestParseLink(t *testing.T) {
	key := strings.Repeat("ab", 44)
	for _, fragment := range []string{exampleKey + "68e9", ""} {
		_, err := media.ParseLink(exampleLink + fragment)
		require.ErrorIs(t, err, media.ErrNotMedia)
	}
	l, err := media.ParseLink(exampleLink + exampleKey)
	require.NoError(t, err, "%d", len(exampleKey))
	require.Equal(t, exampleURL, l.URL)
	require.Equal(t, exampleLink+exampleKey, l.AESGCM())
	k, iv := l.Key.Parts()
	require.Len(t, k, 32)
	require.Len(t, iv, 12)

	for _, good := range []string{
		"aesgcm://h/#" + key, "AESGCM://h/x#" + strings.ToUpper(key), "aesgcm://h:8443/x?a=b&c#" + key,
		"aesgcm://[::1]/x#" + key, "aesgcm://h/x#" + strings.Repeat("ab", 48),
	} {
		l, err := media.ParseLink(good)
		require.NoError(t, err, good)
		require.True(t, strings.HasPrefix(l.URL, "https://"), good)
		require.NotContains(t, l.URL, "#")
		again, err := media.ParseLink(l.AESGCM())
		require.NoError(t, err)
		require.Equal(t, l, again)
	}
	for _, bad := range []string{
		"", "aesgcm", "aesgcm://", "aesgcm://h/x", "aesgcm://h/x#", "https://h/x#" + key, "http://h/x#" + key, "aesgcm:h/x#" + key,
		"aesgcm:///x#" + key, "aesgcm://u@h/x#" + key, "aesgcm://u:p@h/x#" + key, "aesgcm://h/x#" + key[1:], "aesgcm://h/x#" + key + "a",
		"aesgcm://h/x#" + key + "ab", "aesgcm://h/x#" + strings.Repeat("ab", 32), "aesgcm://h/x#" + strings.Repeat("ag", 44),
		"aesgcm://h/x##" + key, "aesgcm://h/#x#" + key, " aesgcm://h/x#" + key, "aesgcm://h/x#" + key + " ", "aesgcm://h/x y#" + key,
		"aesgcm://h/x\x00#" + key, "aesgcm://h/tr\u00e8s#" + key, "aesgcm://h/x%zz#" + key, "aesgcm://h:x/#" + key, "aesgcm://h\\x/#" + key,
		"aesgcm://h/" + strings.Repeat("x", 5000) + "#" + key, "aesgcm://h/x#" + key + "\n",
	} {
		_, err := media.ParseLink(bad)
		require.ErrorIs(t, err, media.ErrNotMedia, bad)
		require.NotContains(t, err.Error(), "h/x")
	}
}

func TestAESGCM(t *testing.T) {
	k, err := media.NewKey(make([]byte, 32), make([]byte, 12))
	require.NoError(t, err)
	short, err := media.NewKey(make([]byte, 16), make([]byte, 12))
	require.NoError(t, err)
	for _, bad := range []media.Link{
		{}, {URL: exampleURL}, {Key: k}, {URL: "http://h/x", Key: k}, {URL: "https://h/x#y", Key: k}, {URL: "https://h/x#", Key: k},
		{URL: "https://u@h/x", Key: k}, {URL: "https://h/x", Key: short},
	} {
		require.Empty(t, bad.AESGCM())
		_, err := media.Attachment{Link: bad}.Body()
		require.ErrorIs(t, err, media.ErrKey)
	}
}

func TestBody(t *testing.T) {
	link := exampleLink + exampleKey
	jpeg := append([]byte("\xff\xd8\xff\xe0"), make([]byte, 2000)...)
	text := base64.StdEncoding.EncodeToString(jpeg)

	a, err := media.ParseBody(link)
	require.NoError(t, err)
	require.Nil(t, a.Thumbnail)
	for _, prefix := range []string{"data:image/jpeg,", "data:image/jpeg;base64,"} {
		a, err = media.ParseBody(link + "\n" + prefix + text)
		require.NoError(t, err)
		require.Equal(t, jpeg, a.Thumbnail)
	}
	body, err := a.Body()
	require.NoError(t, err)
	again, err := media.ParseBody(body)
	require.NoError(t, err)
	require.Equal(t, a, again)

	large := base64.StdEncoding.EncodeToString(append([]byte("\xff\xd8\xff"), make([]byte, media.MaxThumbnail)...))
	for _, bad := range []string{
		"", "hello", "look: " + link, link + " ", link + "\n", link + "\nhello", link + "\n\n" + "data:image/jpeg," + text,
		link + "\ndata:image/png;base64," + text, link + "\ndata:text/html," + text, link + "\ndata:image/jpeg;base64," + text + "\n",
		link + "\ndata:image/jpeg;base64," + text + "\nmore", link + "\ndata:image/jpeg;base64," + text[:50] + "\r\n" + text[50:],
		link + "\ndata:image/jpeg;base64,", link + "\ndata:image/jpeg;base64,AAAA", link + "\ndata:image/jpeg;base64,*", link + "\r\ndata:image/jpeg," + text,
		link + "\ndata:image/jpeg;base64," + large, link + "\ndata:image/jpeg;charset=x," + text, link + "\n" + link,
	} {
		_, err := media.ParseBody(bad)
		require.ErrorIs(t, err, media.ErrNotMedia)
	}
	for _, thumbnail := range [][]byte{{}, []byte("\x89PNG"), append(jpeg, make([]byte, media.MaxThumbnail)...)} {
		_, err := media.Attachment{Link: a.Link, Thumbnail: thumbnail}.Body()
		require.ErrorIs(t, err, media.ErrThumbnail)
	}
}

func FuzzParseBody(f *testing.F) {
	f.Add(exampleLink + exampleKey)
	f.Add(exampleLink + exampleKey + "\ndata:image/jpeg,/9j/4AA=")
	f.Add("aesgcm://u@h/#" + exampleKey)
	f.Fuzz(func(t *testing.T, body string) {
		a, err := media.ParseBody(body)
		if err != nil {
			return
		}
		require.True(t, strings.HasPrefix(a.URL, "https://"))
		require.NotContains(t, a.URL, "#")
		require.LessOrEqual(t, len(a.Thumbnail), media.MaxThumbnail)
		again, err := a.Body()
		require.NoError(t, err)
		b, err := media.ParseBody(again)
		require.NoError(t, err)
		require.Equal(t, a, b)
	})
}
