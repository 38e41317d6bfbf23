// SPDX-License-Identifier: MPL-2.0

package text

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// A Warning says what is odd about a link. None makes it evil, none missing
// makes it good.
type Warning uint16

// The warnings.
const (
	NotEncrypted Warning = 1 << iota // http:
	HasUser                          // https://bank.example@evil.example: the host is what follows the @
	IsAddress                        // an IP address or a number instead of a name
	// International: the name is not in ASCII, or is in a coded form (xn--): show
	// LinkInfo.ASCII too.
	International
	// MixedScripts: letters of several scripts in one label, as in "pаypal" with
	// a Cyrillic а.
	MixedScripts
	// Lookalike: all letters of a label look like Latin ones and are not.
	Lookalike
	// BadName: the name is none that DNS could have.
	BadName
)

var hostProfile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// maxHost bounds the names that are converted, in bytes. A name has 253 in DNS,
// and up to four times that in UTF-8.
const maxHost = 1024

// inspect fills in what follows from the URL; false when it is none after all.
func (l *LinkInfo) inspect() bool {
	if l.Action != Browse && l.Action != Media {
		return true
	}
	u, err := url.Parse(l.URL)
	if err != nil || u.Hostname() == "" {
		return false
	}
	if l.Action == Media {
		return true
	}
	if strings.EqualFold(u.Scheme, "http") {
		l.Warnings |= NotEncrypted
	}
	if u.User != nil {
		l.Warnings |= HasUser
	}
	l.Host = strings.ToLower(u.Hostname())
	l.ASCII = l.Host
	if numeric(l.Host) {
		l.Warnings |= IsAddress
		return true
	}
	if len(l.Host) > maxHost {
		l.Warnings |= BadName
		return true
	}
	ascii, err := hostProfile.ToASCII(l.Host)
	if err != nil {
		l.Warnings |= BadName
		return true
	}
	l.ASCII = ascii
	if shown, err := hostProfile.ToUnicode(ascii); err == nil {
		l.Host = shown
	}
	if l.Host != l.ASCII || strings.Contains(l.ASCII, "xn--") {
		l.Warnings |= International
	}
	for label := range strings.SplitSeq(l.Host, ".") {
		l.Warnings |= scripts(label)
	}
	return true
}

// numeric reports hosts that a browser takes for an IP address, among them
// 2130706433, 0x7f.1 and [::1]; URL Standard, "ends in a number checker".
func numeric(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := labels[len(labels)-1]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// families are scripts that are written together: UTS #39 §5.2, highly
// restrictive.
var families = []struct {
	tables []*unicode.RangeTable
	bits   uint16
}{
	{[]*unicode.RangeTable{unicode.Latin}, 1 | 2 | 4 | 8},
	{[]*unicode.RangeTable{unicode.Han}, 2 | 4 | 8},
	{[]*unicode.RangeTable{unicode.Hiragana, unicode.Katakana}, 2},
	{[]*unicode.RangeTable{unicode.Hangul}, 4},
	{[]*unicode.RangeTable{unicode.Bopomofo}, 8},
	{[]*unicode.RangeTable{unicode.Cyrillic}, 16},
	{[]*unicode.RangeTable{unicode.Greek}, 32},
	{[]*unicode.RangeTable{unicode.Arabic}, 64},
	{[]*unicode.RangeTable{unicode.Hebrew}, 128},
	{[]*unicode.RangeTable{unicode.Armenian}, 256},
	{[]*unicode.RangeTable{unicode.Georgian}, 512},
	{[]*unicode.RangeTable{unicode.Cherokee}, 1024},
}

// other is the family of all scripts that are not listed.
const other = 2048

// lookalikes are letters of other scripts that pass for Latin ones, in small.
const lookalikes = "аеорсухѕіјһԁԛԝӏ" + "οανυρικτχγ" + "օսոսհցզ" + "ꭺꭼ"

// scripts looks at the letters of a label.
func scripts(label string) Warning {
	family, similar, letters := uint16(0xffff), true, 0
	for _, r := range label {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		family &= familyOf(r)
		similar = similar && strings.ContainsRune(lookalikes, r)
	}
	switch {
	case letters == 0:
		return 0
	case family == 0:
		return MixedScripts
	case similar:
		return Lookalike
	}
	return 0
}

func familyOf(r rune) uint16 {
	if r < 0x80 {
		return families[0].bits
	}
	if unicode.Is(unicode.Common, r) || unicode.Is(unicode.Inherited, r) {
		return 0xffff
	}
	for _, f := range families {
		if unicode.In(r, f.tables...) {
			return f.bits
		}
	}
	return other
}
