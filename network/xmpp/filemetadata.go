// SPDX-License-Identifier: MPL-2.0

// XEP-0446: File metadata element

package xmpp

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/confab-im/confab/network/xmpp/element"
)

const nsFileMetadata = "urn:xmpp:file:metadata:0"

// Bounds of what is read about a file, in bytes.
const (
	maxFileName    = 255
	maxMediaType   = 127 // RFC 6838 §4.2
	maxDescription = 4096
	maxThumbnails  = 4
	maxDimension   = 1 << 20 // pixels
)

// FileInfo is what a sender says about a file. None of it has been checked.
type FileInfo struct {
	Name        string // as the sender has it: see [FileInfo.SafeName]
	MediaType   string // such as image/jpeg; empty when unknown
	Description string
	Size        int64 // bytes; 0 when unknown
	// Width and Height are in pixels, 0 when unknown.
	Width, Height int
	Length        time.Duration // of audio and video, to the millisecond
	Date          time.Time     // of the last change
	Hashes        []Hash
	Thumbnails    []Thumbnail
}

// parseFileInfo reads a file element in one of the namespaces that share its
// form.
func parseFileInfo(x *element.Element) FileInfo {
	space := x.Name.Space
	f := FileInfo{
		Name:        firstBytes(x.ChildText(space, "name"), maxFileName),
		MediaType:   mediaType(x.ChildText(space, "media-type")),
		Description: firstBytes(descriptionOf(x, space), maxDescription),
		Size:        number(x.ChildText(space, "size"), 1<<62),
		Width:       int(number(x.ChildText(space, "width"), maxDimension)),
		Height:      int(number(x.ChildText(space, "height"), maxDimension)),
		Length:      time.Duration(number(x.ChildText(space, "length"), 1<<40)) * time.Millisecond,
		Hashes:      hashesOf(x),
		Thumbnails:  thumbnailsOf(x),
	}
	if date, err := parseTime(x.ChildText(space, "date")); err == nil {
		f.Date = date
	}
	return f
}

func (f FileInfo) element(space string) *element.Element {
	x := element.New(space, "file")
	add := func(local, text string) {
		if text != "" {
			x.Add(element.New(space, local).WithText(text))
		}
	}
	addNumber := func(local string, n int64) {
		if n > 0 {
			add(local, strconv.FormatInt(n, 10))
		}
	}
	add("media-type", f.MediaType)
	add("name", f.Name)
	addNumber("size", f.Size)
	addNumber("width", int64(f.Width))
	addNumber("height", int64(f.Height))
	addNumber("length", f.Length.Milliseconds())
	if !f.Date.IsZero() {
		add("date", formatTime(f.Date))
	}
	add("desc", f.Description)
	x.Add(hashElements(f.Hashes)...)
	for _, t := range f.Thumbnails {
		x.Add(t.element())
	}
	return x
}

// descriptionOf prefers the one without a language.
func descriptionOf(x *element.Element, space string) string {
	first := ""
	for d := range x.All(space, "desc") {
		if _, ok := d.LookupAttr(element.NSXML, "lang"); !ok {
			return d.Text
		}
		if first == "" {
			first = d.Text
		}
	}
	return first
}

// number reads a decimal up to limit; 0 when it is none.
func number(s string, limit int64) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > limit {
		return 0
	}
	return n
}

// mediaType returns s in lower case and without parameters, "" when it is not
// of the form type/subtype.
func mediaType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	s = strings.ToLower(strings.TrimSpace(s))
	kind, sub, ok := strings.Cut(s, "/")
	if !ok || kind == "" || sub == "" || len(s) > maxMediaType {
		return ""
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("/.+-_!#$&^", rune(c)) {
			return ""
		}
	}
	if strings.Contains(sub, "/") {
		return ""
	}
	return s
}

// SafeName returns the name for a file system: no folders, no control or
// invisible characters, nothing that turns the order of letters around, no
// names that a system reserves, at most 200 bytes; "file" when nothing is left.
// The ending stays.
func (f FileInfo) SafeName() string {
	name := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`/\:*?"<>|`, r):
			return '_'
		case r == utf8.RuneError, !unicode.IsPrint(r) && r != ' ', unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, f.Name)
	name = strings.Trim(name, " .")
	stem, _, _ := strings.Cut(name, ".")
	if reservedNames[strings.ToUpper(strings.TrimSpace(stem))] {
		name = "_" + name
	}
	if len(name) > maxSafeName {
		name = shorten(name)
	}
	if name == "" {
		return "file"
	}
	return name
}

const maxSafeName = 200

// shorten cuts out of the middle, so that the ending stays.
func shorten(name string) string {
	ending := ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= 16 {
		ending = name[i:]
	}
	return strings.Trim(firstBytes(name, maxSafeName-len(ending)), " .") + ending
}

// reservedNames are devices of Windows, whatever the ending.
var reservedNames = func() map[string]bool {
	names := map[string]bool{"CON": true, "PRN": true, "AUX": true, "NUL": true}
	for n := range 10 {
		names["COM"+strconv.Itoa(n)], names["LPT"+strconv.Itoa(n)] = true, true
	}
	return names
}()
