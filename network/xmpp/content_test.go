// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

func contentOf(t testing.TB, children string) Content {
	t.Helper()
	return ParseContent(parse(t, "<message>"+children+"</message>"))
}

var longID = strings.Repeat("x", maxReferredID+1)

func TestCorrection(t *testing.T) {
	const ns = " xmlns='urn:xmpp:message-correct:0'"
	for in, want := range map[string]string{
		"<replace id='bad1'" + ns + "/>":                         "bad1",
		"<replace" + ns + "/>":                                   "",
		"<replace id='" + longID + "'" + ns + "/>":               "",
		"<replace id='1'" + ns + "/><replace id='2'" + ns + "/>": "", // which one?
		"<replace id='1' xmlns='urn:x'/>":                        "",
		"<x xmlns='urn:x'><replace id='1'" + ns + "/></x>":       "",
	} {
		require.Equal(t, want, contentOf(t, in).Corrects, in)
	}
}

func TestRetraction(t *testing.T) {
	const v1, v0 = "xmlns='urn:xmpp:message-retract:1'", "xmlns='urn:xmpp:message-retract:0'"
	for in, want := range map[string]*Retraction{
		"<retract id='a' " + v1 + "/>":                             {ID: "a"},
		"<retract " + v1 + "/>":                                    nil,
		"<retract id='a' " + v1 + "/><retract id='b' " + v1 + "/>": nil,
		"<retract id='a' " + v1 + "><moderated xmlns='urn:xmpp:message-moderate:1' by='r@c'/></retract>": {ID: "a", Moderated: true},
		"<retract id='a' " + v0 + "/>": nil,
		"<apply-to id='a' xmlns='urn:xmpp:fasten:0'><retract " + v0 + "/></apply-to>":                                                            {ID: "a", Legacy: true},
		"<apply-to xmlns='urn:xmpp:fasten:0'><retract " + v0 + "/></apply-to>":                                                                   nil,
		"<apply-to id='a' xmlns='urn:xmpp:fasten:0'><x " + v0 + "/></apply-to>":                                                                  nil,
		"<apply-to id='a' xmlns='urn:xmpp:fasten:0'><moderated xmlns='urn:xmpp:message-moderate:0'><retract " + v0 + "/></moderated></apply-to>": {ID: "a", Legacy: true, Moderated: true},
	} {
		require.Equal(t, want, contentOf(t, in).Retracts, in)
	}
	at := time.Date(2019, 9, 20, 23, 9, 32, 0, time.UTC)
	for in, want := range map[string]*Tombstone{
		"<retracted stamp='2019-09-20T23:09:32Z' id='r' " + v1 + "/>":                        {ID: "r", Stamp: at},
		"<retracted stamp='yesterday' id='r' " + v1 + "/>":                                   {ID: "r"},
		"<retracted stamp='2019-09-20T23:09:32Z' " + v0 + "/>":                               {Stamp: at},
		"<moderated xmlns='urn:xmpp:message-moderate:0'><retracted " + v0 + "/></moderated>": {},
		"": nil,
	} {
		require.Equal(t, want, contentOf(t, in).Tombstone, in)
	}
}

func TestReactions(t *testing.T) {
	read := func(id, children string) *Reactions {
		return contentOf(t, "<reactions xmlns='urn:xmpp:reactions:0' id='"+id+"'>"+children+"</reactions>").Reactions
	}
	for in, want := range map[string][]string{
		"":                                nil,
		"<reaction>\U0001F44B</reaction>": {"\U0001F44B"},
		"<reaction>\U0001F44B</reaction><reaction>\U0001F422</reaction>":                {"\U0001F44B", "\U0001F422"},
		"<reaction>\U0001F44B</reaction><reaction> \U0001F44B\n</reaction>":             {"\U0001F44B"},
		"<reaction>like</reaction><reaction/><reaction>\U0001F44B\U0001F44B</reaction>": nil,
		"<reaction xmlns='urn:x'>\U0001F44B</reaction>":                                 nil,
		"<reaction>" + strings.Repeat("\U0001F44B", 10_000) + "</reaction>":             nil,
		"<reaction>" + strings.Repeat("\U0001F468\u200D", 10_000) + "</reaction>":       nil,
	} {
		require.Equal(t, &Reactions{ID: "a", Emoji: want}, read("a", in), in)
	}
	require.Nil(t, read("", "<reaction>\U0001F44B</reaction>"))
	require.Nil(t, read(longID, "<reaction>\U0001F44B</reaction>"))
	two := "<reactions xmlns='urn:xmpp:reactions:0' id='a'/>"
	require.Nil(t, contentOf(t, two+two).Reactions, "XEP-0444 §4: not more than one")

	var many strings.Builder
	for r := rune(0x1F600); r < 0x1F600+70; r++ {
		many.WriteString("<reaction>" + string(r) + "</reaction>")
	}
	require.Len(t, read("a", many.String()).Emoji, MaxReactions)

	sent := Content{Reactions: &Reactions{ID: "a", Emoji: []string{"\U0001F44B", "like", "\U0001F44B"}}}.Elements()
	require.Equal(t, "<reactions xmlns='urn:xmpp:reactions:0' id='a'><reaction>\U0001F44B</reaction></reactions>", text(sent[0]))
}

func TestReply(t *testing.T) {
	require.Equal(t, &Reply{ID: "a", To: romeo}, contentOf(t, "<reply to='romeo@montague.example' id='a' xmlns='urn:xmpp:reply:0'/>").Reply)
	require.Equal(t, &Reply{ID: "a"}, contentOf(t, "<reply to='@@' id='a' xmlns='urn:xmpp:reply:0'/>").Reply)
	require.Nil(t, contentOf(t, "<reply to='romeo@montague.example' xmlns='urn:xmpp:reply:0'/>").Reply)

	quote, fallback := QuoteReply("We should bake\r\n\na c\u00e4ke")
	require.Equal(t, "> We should bake\n> a c\u00e4ke\n", quote)
	require.Equal(t, Fallback{For: NSReply, Body: []Region{{0, 26}}}, fallback)
	require.Equal(t, "Great idea!", WithoutFallback(quote+"Great idea!", []Fallback{fallback}, NSReply).Text)
	quote, _ = QuoteReply(strings.Repeat(strings.Repeat("\u00e4", 1000)+"\n", 100))
	require.Equal(t, maxQuoteLines+1, strings.Count(quote, "\n"))
	require.Less(t, utf8.RuneCountInString(quote), maxQuoteLines*(maxQuoteLine+4)+10)
	quote, fallback = QuoteReply(" \n ")
	require.Empty(t, quote)
	require.Zero(t, fallback)
}

func TestFallback(t *testing.T) {
	const open = "<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'>"
	for in, want := range map[string][]Fallback{
		"<fallback xmlns='urn:xmpp:fallback:0'/>":                              {{Body: []Region{Whole}, Subject: []Region{Whole}}},
		"<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'/>":                  {{For: "urn:x", Body: []Region{Whole}, Subject: []Region{Whole}}},
		open + "<body/></fallback>":                                            {{For: "urn:x", Body: []Region{Whole}}},
		open + "<subject/></fallback>":                                         {{For: "urn:x", Subject: []Region{Whole}}},
		open + "<body start='0' end='3'/><body start='5' end='9'/></fallback>": {{For: "urn:x", Body: []Region{{0, 3}, {5, 9}}}},
		open + "<body start='3' end='3'/></fallback>":                          nil,
		open + "<body start='4' end='3'/></fallback>":                          nil,
		open + "<body start='-1' end='3'/></fallback>":                         nil,
		open + "<body start='1'/></fallback>":                                  nil,
		open + "<body end='1'/></fallback>":                                    nil,
		open + "<body start='1.0' end='3'/></fallback>":                        nil,
		open + "<body start='0' end='99999999999999999999'/></fallback>":       nil,
		open + "<body xmlns='jabber:client'/></fallback>":                      nil,
		open + "<other/></fallback>":                                           nil,
	} {
		require.Equal(t, want, contentOf(t, in).Fallbacks, in)
	}
	require.Len(t, contentOf(t, strings.Repeat(open+strings.Repeat("<body start='0' end='1'/>", 100)+"</fallback>", 100)).Fallbacks, MaxFallbacks)
	require.Len(t, contentOf(t, open+strings.Repeat("<body start='0' end='1'/>", 100)+"</fallback>").Fallbacks[0].Body, MaxRegions)
}

func TestWithoutFallback(t *testing.T) {
	x := func(regions ...Region) []Fallback { return []Fallback{{For: "urn:x", Body: regions}} }
	for _, test := range []struct {
		body      string
		fallbacks []Fallback
		want      string
	}{
		{"abcdef", nil, "abcdef"},
		{"abcdef", x(Region{0, 2}), "cdef"},
		{"abcdef", x(Region{2, 4}), "abef"},
		{"abcdef", x(Region{4, 6}), "abcd"},
		{"abcdef", x(Region{0, 6}), ""},
		{"abcdef", x(Whole), ""},
		{"abcdef", x(Region{0, 7}), "abcdef"}, // beyond the end
		{"abcdef", x(Region{4, 5}, Region{0, 1}), "bcdf"},
		{"abcdef", x(Region{0, 3}, Region{2, 4}), "ef"},
		{"abcdef", x(Region{0, 2}, Region{2, 4}), "ef"},
		{"abcdef", x(Region{0, 2}, Region{0, 2}), "cdef"},
		{"abcdef", x(Region{-1, 2}, Region{3, 2}), "abcdef"},
		{"\u00e4\U0001F44B\u00e4x", x(Region{1, 3}), "\u00e4x"},
		{"", x(Whole), ""},
		{"abcdef", []Fallback{{For: "urn:y", Body: []Region{{0, 2}}}}, "abcdef"},
		{"abcdef", []Fallback{{For: "urn:x", Subject: []Region{Whole}}}, "abcdef"},
		{"abcdef", []Fallback{{Body: []Region{Whole}}}, "abcdef"}, // for nobody knows what
		{"abcdef", append(x(Region{0, 1}), Fallback{For: "urn:z", Body: []Region{{5, 6}}}), "bcde"},
	} {
		require.Equal(t, test.want, WithoutFallback(test.body, test.fallbacks, "urn:x", "urn:z").Text, "%v", test)
	}
	v := WithoutFallback("> quote\nhi Juliet, see", x(Region{0, 8}), "urn:x")
	r, ok := v.Map(Region{11, 17})
	require.True(t, ok)
	require.Equal(t, "Juliet", v.Text[r.Start:r.End])
	_, ok = v.Map(Region{7, 9})
	require.False(t, ok)
	r, ok = WithoutFallback("abc", nil).Map(Region{1, 2})
	require.True(t, ok)
	require.Equal(t, Region{1, 2}, r)
}

func TestReferences(t *testing.T) {
	const ns = "<reference xmlns='urn:xmpp:reference:0' "
	for in, want := range map[string][]Reference{
		ns + "begin='72' end='78' type='mention' uri='xmpp:juliet@capulet.lit'/>": {{Type: "mention", URI: "xmpp:juliet@capulet.lit", Region: Region{72, 78}}},
		ns + "type='data' uri='xmpp:x?;node=y' anchor='xmpp:z'/>":                 {{Type: "data", URI: "xmpp:x?;node=y", Anchor: "xmpp:z"}},
		ns + "begin='7' end='3' type='mention' uri='xmpp:a@b'/>":                  {{Type: "mention", URI: "xmpp:a@b"}},
		ns + "uri='xmpp:a@b'/>":                                                  nil,
		ns + "type='mention'/>":                                                  nil,
		ns + "type='mention' uri='juliet'/>":                                     nil,
		ns + "type='mention' uri='xmpp: a'/>":                                    nil,
		ns + "type='data' uri='https://h/" + strings.Repeat("x", maxURI) + "'/>": nil,
	} {
		require.Equal(t, want, contentOf(t, in).References, in)
	}
	require.Len(t, contentOf(t, strings.Repeat(ns+"type='mention' uri='xmpp:a@b'/>", 1000)).References, MaxReferences)

	for uri, want := range map[string]string{
		"xmpp:juliet@capulet.lit": "juliet@capulet.lit", "xmpp:juliet@capulet.lit?message": "juliet@capulet.lit",
		"xmpp:a%25b@capulet.lit": "a%b@capulet.lit", "xmpp:room@muc.lit/Nick": "room@muc.lit/Nick",
		"xmpp:": "", "xmpp:%zz": "", "xmpp:@": "", "https://capulet.lit": "",
	} {
		j, ok := Reference{Type: MentionReference, URI: uri}.Mentioned()
		require.Equal(t, want != "", ok, uri)
		require.Equal(t, want, j.String(), uri)
	}
	_, ok := Reference{Type: DataReference, URI: "xmpp:a@b"}.Mentioned()
	require.False(t, ok)
	for _, address := range []string{"juliet@capulet.lit", "a%b@capulet.lit", "\u00fc?x@capulet.lit", "capulet.lit"} {
		j, ok := Mention(jid.MustParse(address), Region{0, 1}).Mentioned()
		require.True(t, ok, address)
		require.Equal(t, address, j.String())
	}
}

func TestOOBAndSpoiler(t *testing.T) {
	oob := func(url string) string { return "<x xmlns='jabber:x:oob'><url>" + url + "</url></x>" }
	require.Equal(t, []OOB{{URL: "https://h/x"}}, contentOf(t, oob(" https://h/x\n")).Links)
	for _, bad := range []string{"", "no address", "https://h/a b", "/x", strings.Repeat("x", 10)} {
		require.Empty(t, contentOf(t, oob(bad)).Links, bad)
	}
	require.Len(t, contentOf(t, strings.Repeat(oob("https://h/"), 100)).Links, maxOOB)

	const ns = "xmlns='urn:xmpp:spoiler:0'"
	for in, want := range map[string]*Spoiler{
		"":                                      nil,
		"<spoiler " + ns + "/>":                 {},
		"<spoiler " + ns + ">the end</spoiler>": {Hint: "the end"},
		"<spoiler xml:lang='de' " + ns + ">das Ende</spoiler><spoiler " + ns + ">the end</spoiler>":              {Hint: "the end"},
		"<spoiler xml:lang='de' " + ns + ">das Ende</spoiler><spoiler xml:lang='fr' " + ns + ">la fin</spoiler>": {Hint: "das Ende"},
	} {
		require.Equal(t, want, contentOf(t, in).Spoiler, in)
	}
	require.Len(t, contentOf(t, "<spoiler "+ns+">"+strings.Repeat("\u00e4", 10_000)+"</spoiler>").Spoiler.Hint, maxDescription)
	require.True(t, contentOf(t, "<unstyled xmlns='urn:xmpp:styling:0'/>").Unstyled)
}

func TestOTR(t *testing.T) {
	const tag = " \t  \t\t\t\t \t \t \t  "
	for body, want := range map[string]OTR{
		"hello": NoOTR, "": NoOTR, "?": NoOTR, "?OTR": NoOTR, "?OTRX": NoOTR, "?OTRv": NoOTR, "?OTRv23": NoOTR, "?OTRv2 3?": NoOTR,
		"what is ?OTR?": NoOTR,
		"?OTR?":         OTRQuery, "?OTR?v2?": OTRQuery, "?OTRv23?": OTRQuery, "?OTRv23?\nromeo would like to talk": OTRQuery, "?OTRv24x?": OTRQuery, "?OTRv?": OTRQuery,
		"?OTR:AAMDJ+MVmSfjFZcA.": OTRData, "?OTR,1,3,?OTR:AA": OTRData, "?OTR|5a73|27e3,1,3,?OTR:": OTRData,
		"?OTR Error: encrypted message cannot be read": OTRError,
		"hello" + tag + "  \t\t  \t ":                  OTRTagged,
	} {
		require.Equal(t, want, ParseOTR(body), "%q", body)
	}
	require.Equal(t, "hello", WithoutOTRTag("hello"+tag+"  \t\t  \t "+"  \t\t  \t\t"))
	require.Equal(t, "hello you", WithoutOTRTag("hello"+tag+" you"))
	require.Equal(t, "hello", WithoutOTRTag("hello"))
}

const summit = `<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline' id='f1'>
  <file xmlns='urn:xmpp:file:metadata:0'>
    <media-type>image/jpeg</media-type><name>summit.jpg</name><size>3032449</size><width>4096</width><height>2160</height>
    <length>63000</length><date>2015-07-26T21:46:00+01:00</date>
    <hash xmlns='urn:xmpp:hashes:2' algo='sha3-256'>2XarmwTlNxDAMkvymloX3S5+VbylNrJt/l5QyPa+YoU=</hash>
    <hash xmlns='urn:xmpp:hashes:2' algo='id-blake2b256'>2AfMGH8O7UNPTvUVAM9aK13mpCY=</hash>
    <hash xmlns='urn:xmpp:hashes:2' algo='sha-1'>2AfMGH8O7UNPTvUVAM9aK13mpCY=</hash>
    <hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AAAA</hash>
    <desc xml:lang='de'>Foto</desc><desc>Photo from the summit.</desc>
    <thumbnail xmlns='urn:xmpp:thumbs:1' uri='cid:sha1+ffd7@bob.xmpp.org' media-type='image/png' width='128' height='96'/>
  </file>
  <sources>
    <url-data xmlns='http://jabber.org/protocol/url-data' target='https://download.montague.lit/4a/summit.jpg'/>
    <url-data xmlns='http://jabber.org/protocol/url-data' target='http://download.montague.lit/4a/summit.jpg'/>
    <jinglepub xmlns='urn:xmpp:jinglepub:1' from='romeo@montague.lit/resource' id='9'/>
    <encrypted xmlns='urn:xmpp:esfs:0' cipher='urn:xmpp:ciphers:aes-256-gcm-nopadding:0'>
      <key>SuRJ2agVm/pQbJQlPq/B23Xt1YOOJCcEGJA5HrcYOGQ=</key><iv>T8RDMBaiqn6Ci4Nw</iv>
      <hash xmlns='urn:xmpp:hashes:2' algo='sha3-256'>BgKI2gp2kNCRsARNvhFmw5kFf9BBo2pTbV2D8XHTMWI=</hash>
      <sources xmlns='urn:xmpp:sfs:0'><url-data xmlns='http://jabber.org/protocol/url-data' target='https://download.montague.lit/4a/encrypted.jpg'/></sources>
    </encrypted>
  </sources>
</file-sharing>`

// The examples of XEP-0447 and XEP-0448, in one.
func TestFiles(t *testing.T) {
	files := contentOf(t, summit).Files
	require.Len(t, files, 1)
	f := files[0]
	require.Equal(t, "f1", f.ID)
	require.Equal(t, Inline, f.Disposition)
	info := f.Info
	require.Equal(t, []any{"summit.jpg", "image/jpeg", "Photo from the summit.", int64(3032449), 4096, 2160, 63 * time.Second},
		[]any{info.Name, info.MediaType, info.Description, info.Size, info.Width, info.Height, info.Length})
	require.Equal(t, time.Date(2015, 7, 26, 20, 46, 0, 0, time.UTC), info.Date)
	require.Len(t, info.Hashes, 1, "only known functions, with the size they have")
	require.Equal(t, SHA3_256, info.Hashes[0].Algo)
	require.Equal(t, []Thumbnail{{URI: "cid:sha1+ffd7@bob.xmpp.org", MediaType: "image/png", Width: 128, Height: 96}}, info.Thumbnails)
	require.Len(t, f.Sources, 2, "only https, and what is known")
	require.Equal(t, "https://download.montague.lit/4a/summit.jpg", f.Sources[0].URL)
	e := f.Sources[1].Encrypted
	require.Equal(t, CipherAES256GCM, e.Cipher)
	require.Len(t, e.Key, 32)
	require.Len(t, e.IV, 12)
	require.Len(t, e.Hashes, 1)
	require.Equal(t, []string{"https://download.montague.lit/4a/encrypted.jpg"}, e.URLs)

	again := ParseContent(element.New("", "x").Add(parse(t, text(Content{Files: files}.Elements()[0]))))
	require.Equal(t, files, again.Files)

	for _, replaced := range [][2]string{
		{"aes-256-gcm-nopadding", "aes-256-cbc-pkcs7"}, {"aes-256-gcm", "aes-128-gcm"}, {"T8RDMBaiqn6Ci4Nw", "T8RDMBaiqn6Ci4"},
		{"T8RDMBaiqn6Ci4Nw", "*"}, {"https://download.montague.lit/4a/encrypted.jpg", "http://download.montague.lit/4a/encrypted.jpg"},
		{"https://download.montague.lit/4a/encrypted.jpg", "https://user@download.montague.lit/"}, {"SuRJ2agVm/", strings.Repeat("AAAA", 1000)},
	} {
		files := contentOf(t, strings.ReplaceAll(summit, replaced[0], replaced[1])).Files
		require.Len(t, files, 1)
		require.Len(t, files[0].Sources, 1, replaced[1])
	}
	require.Empty(t, contentOf(t, "<file-sharing xmlns='urn:xmpp:sfs:0'/>").Files)
	require.Len(t, contentOf(t, strings.Repeat("<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'/></file-sharing>", 100)).Files, MaxFiles)
	source := "<url-data xmlns='http://jabber.org/protocol/url-data' target='https://h/'/>"
	many := "<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'/><sources>" + strings.Repeat(source, 1000) + "</sources></file-sharing>"
	require.Len(t, contentOf(t, many).Files[0].Sources, MaxSources)

	attached := "<attach-to id='m1' xmlns='urn:xmpp:message-attaching:1'/><sources id='f1' xmlns='urn:xmpp:sfs:0'>" + source + "</sources>"
	want := &AttachedSources{Message: "m1", File: "f1", Sources: []FileSource{{URL: "https://h/"}}}
	require.Equal(t, want, contentOf(t, attached).Attached)
	require.Equal(t, want, ParseContent(element.New("", "x").Add(Content{Attached: want}.Elements()...)).Attached)
	require.Nil(t, contentOf(t, "<sources xmlns='urn:xmpp:sfs:0'>"+source+"</sources>").Attached)
	require.Nil(t, contentOf(t, "<attach-to id='m1' xmlns='urn:xmpp:message-attaching:1'/>").Attached)
}

func TestFileNumbers(t *testing.T) {
	for in, want := range map[string]int64{"5": 5, " 5 ": 5, "0": 0, "-5": 0, "5.0": 0, "x": 0, "99999999999999999999": 0, "": 0} {
		x := parse(t, "<file xmlns='urn:xmpp:file:metadata:0'><size>"+in+"</size><width>"+in+"</width></file>")
		require.Equal(t, want, parseFileInfo(x).Size, in)
		require.Equal(t, int(want), parseFileInfo(x).Width, in)
	}
	require.Zero(t, parseFileInfo(parse(t, "<file xmlns='urn:xmpp:file:metadata:0'><height>2000000</height></file>")).Height)
	for in, want := range map[string]string{
		"image/jpeg": "image/jpeg", "Image/JPEG; x=y": "image/jpeg", "image": "", "/": "", "a/b/c": "", "a/ b": "", "a/<b>": "",
		"application/vnd.x+json": "application/vnd.x+json", "a/" + strings.Repeat("x", 200): "",
	} {
		require.Equal(t, want, mediaType(in), in)
	}
}

func TestSIMS(t *testing.T) {
	const media = `<reference xmlns='urn:xmpp:reference:0' begin='17' end='20' type='data'><media-sharing xmlns='urn:xmpp:sims:1'>
	<file xmlns='urn:xmpp:jingle:apps:file-transfer:5'><media-type>image/jpeg</media-type><name>summit.jpg</name><size>3032449</size></file>
	<sources><reference xmlns='urn:xmpp:reference:0' type='data' uri='https://download.montague.lit/4a/summit.jpg'/>
	<reference xmlns='urn:xmpp:reference:0' type='data' uri='xmpp:romeo@montague.lit/resource?jingle'/></sources></media-sharing></reference>`
	c := contentOf(t, media)
	require.Empty(t, c.References)
	require.Equal(t, []SharedFile{{
		SIMS: true, Region: Region{17, 20}, Info: FileInfo{Name: "summit.jpg", MediaType: "image/jpeg", Size: 3032449},
		Sources: []FileSource{{URL: "https://download.montague.lit/4a/summit.jpg"}},
	}}, c.Files)
	require.Empty(t, c.Elements(), "read only")
	require.Len(t, contentOf(t, media+summit).Files, 1, "the same file in both ways")
	require.Len(t, contentOf(t, strings.Repeat(media, 100)).Files, 1)
}

func TestThumbnails(t *testing.T) {
	thumb, err := DataThumbnail("image/jpeg", []byte("\xff\xd8\xff"), 8, 6)
	require.NoError(t, err)
	typ, data, err := thumb.Data()
	require.NoError(t, err)
	require.Equal(t, "image/jpeg", typ)
	require.Equal(t, "\xff\xd8\xff", string(data))
	for _, bad := range []struct {
		typ  string
		data []byte
	}{{"text/html", []byte("x")}, {"image/svg+xml", []byte("x")}, {"image/jpeg", nil}, {"image/jpeg", make([]byte, MaxThumbnail+1)}} {
		_, err := DataThumbnail(bad.typ, bad.data, 1, 1)
		require.ErrorIs(t, err, ErrMalformed)
	}
	for _, uri := range []string{
		"", "cid:x", "data:", "data:,", "data:image/jpeg,AAAA", "data:image/jpeg;base64,", "data:image/jpeg;base64,*", "data:image/jpeg;base64,AA",
		"data:image/svg+xml;base64,AAAA", "data:text/html;base64,AAAA", "data:image/jpeg;x=y;base64,AAAA", "data:image/jpeg;base64,AA\nAA",
		"data:image/jpeg;base64," + strings.Repeat("AAAA", MaxThumbnail/3+1), "https://h/x", "data:image/jpeg;base64,AAB=",
	} {
		_, _, err := Thumbnail{URI: uri}.Data()
		require.ErrorIs(t, err, ErrMalformed, uri)
	}
	require.Empty(t, thumbnailsOf(parse(t, "<file><thumbnail xmlns='urn:xmpp:thumbs:1'/><thumbnail xmlns='urn:xmpp:thumbs:1' uri='data:"+strings.Repeat("x", maxDataURI)+"'/></file>")))
	require.Len(t, thumbnailsOf(parse(t, "<file>"+strings.Repeat("<thumbnail xmlns='urn:xmpp:thumbs:1' uri='cid:x'/>", 50)+"</file>")), maxThumbnails)
}

func TestSafeName(t *testing.T) {
	for in, want := range map[string]string{
		"summit.jpg": "summit.jpg", "tr\u00e8s cool.jpg": "tr\u00e8s cool.jpg", "/etc/passwd": "_etc_passwd", "../../private.txt": "_.._private.txt",
		`..\x`: "_x", "": "file", "...": "file", " . ": "file", "a\u202egpj.exe": "agpj.exe", "a\u200bb": "ab", "a\nb": "ab", "\u0085": "file",
		"CON": "_CON", "con.txt": "_con.txt", "Lpt1.tar.gz": "_Lpt1.tar.gz", "console": "console", "a.": "a", ".hidden": "hidden",
		"a:b?c*": "a_b_c_", "a\u00a0b": "ab",
	} {
		require.Equal(t, want, FileInfo{Name: in}.SafeName(), "%q", in)
	}
	long := FileInfo{Name: strings.Repeat("\u00e4", 500) + ".tar"}.SafeName()
	require.LessOrEqual(t, len(long), maxSafeName)
	require.True(t, strings.HasSuffix(long, ".tar"))
	require.True(t, utf8.ValidString(long))
}

func TestHash(t *testing.T) {
	for algo, size := range map[string]int{SHA256: 32, SHA512: 64, SHA3_256: 32, SHA3_512: 64, BLAKE2b256: 32, BLAKE2b512: 64} {
		require.Equal(t, size, Hash{Algo: algo}.New().Size(), algo)
	}
	for _, algo := range []string{"", "md5", "sha-1", "SHA-256"} {
		require.Nil(t, Hash{Algo: algo}.New(), algo)
	}
	h := Hash{Algo: BLAKE2b256}.New()
	h.Write([]byte("abc"))
	require.Equal(t, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319", fmt.Sprintf("%x", h.Sum(nil)))
}

// A whole message with everything is read, built and read again.
func TestContentInMessage(t *testing.T) {
	c := Content{
		Corrects: "1", Retracts: &Retraction{ID: "2"}, Reactions: &Reactions{ID: "3", Emoji: []string{"\U0001F44B"}},
		Reply: &Reply{ID: "4", To: romeo}, Fallbacks: []Fallback{{For: NSReply, Body: []Region{{0, 3}}}, {For: "urn:x", Body: []Region{Whole}}},
		References: []Reference{Mention(romeo, Region{1, 2})}, Files: contentOf(t, summit).Files, Links: []OOB{{URL: "https://h/", Description: "d"}},
		Spoiler: &Spoiler{Hint: "end"}, Unstyled: true,
	}
	m := Message{To: romeo, Type: "chat", ID: "x", Body: "hello", Content: c}
	again, err := ParseMessage(parse(t, text(m.Build())), juliet)
	require.NoError(t, err)
	require.Equal(t, c, again.Content)
	require.Zero(t, ParseContent(nil))
	require.Zero(t, contentOf(t, "<body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/>"))
	features := ContentFeatures()
	require.Contains(t, features, NSReactions)
	for _, f := range features {
		require.NotEmpty(t, f)
	}
}

// FuzzContent checks that what is read is bounded, and is sent as it was read.
func FuzzContent(f *testing.F) {
	for _, s := range []string{
		summit, "<reactions xmlns='urn:xmpp:reactions:0' id='a'><reaction>\U0001F44B</reaction></reactions>",
		"<body>abc</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='2'/></fallback>",
		"<reply xmlns='urn:xmpp:reply:0' id='1' to='a@b'/><replace xmlns='urn:xmpp:message-correct:0' id='1'/>",
		"<reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:a@b' begin='0' end='1'/>",
		"<x xmlns='jabber:x:oob'><url>https://h/</url></x><spoiler xmlns='urn:xmpp:spoiler:0'/><unstyled xmlns='urn:xmpp:styling:0'/>",
		"<retract xmlns='urn:xmpp:message-retract:1' id='a'/><retracted xmlns='urn:xmpp:message-retract:1' id='a' stamp='2019-09-20T23:09:32Z'/>",
		"<attach-to id='m1' xmlns='urn:xmpp:message-attaching:1'/><sources id='f1' xmlns='urn:xmpp:sfs:0'><url-data xmlns='http://jabber.org/protocol/url-data' target='https://h/'/></sources>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := fuzzed("<message>" + s + "</message>")
		if !ok {
			return
		}
		c := ParseContent(e)
		require.LessOrEqual(t, len(c.Files), MaxFiles)
		require.LessOrEqual(t, len(c.References), MaxReferences)
		for _, file := range c.Files {
			require.LessOrEqual(t, len(file.Sources), MaxSources)
			name := file.Info.SafeName()
			require.NotContains(t, name, "/")
			require.NotEqual(t, "..", name)
			require.LessOrEqual(t, len(name), maxSafeName+1)
			for _, u := range file.urls() {
				require.True(t, strings.HasPrefix(strings.ToLower(u), "https:"), u)
			}
			for _, thumb := range file.Info.Thumbnails {
				_, _, _ = thumb.Data()
			}
		}
		body := textOf(e, "body")
		v := WithoutFallback(body, c.Fallbacks, NSReply, "")
		require.LessOrEqual(t, len(v.Text), len(body))
		for _, r := range c.References {
			_, _ = r.Mentioned()
			if at, ok := v.Map(r.Region); ok {
				require.LessOrEqual(t, at.End, r.Region.End)
			}
		}
		var sent element.Element
		again := ParseContent(parse(t, text(element.New(element.NSClient, "message").Add(sent.Add(c.Elements()...).Children...))))
		c.Tombstone = nil
		files := c.Files[:0:0]
		for _, file := range c.Files {
			if !file.SIMS {
				files = append(files, file)
			}
		}
		c.Files = files
		if c.Retracts != nil {
			c.Retracts.Legacy, c.Retracts.Moderated = false, false
		}
		require.Equal(t, len(c.Files), len(again.Files))
		c.Files, again.Files = nil, nil
		require.Equal(t, c, again)
		ParseOTR(body)
		WithoutOTRTag(body)
	})
}
