// SPDX-License-Identifier: MPL-2.0

package transfer

import (
	"bytes"
	"net/http"
	"strings"
)

// sniffSize is how much of a file tells its type.
const sniffSize = 512

// OctetStream is the type of what is not known.
const OctetStream = "application/octet-stream"

// signatures are those that net/http does not know, or not precisely.
var signatures = []struct {
	offset int
	magic  string
	typ    string
}{
	{28, "OpusHead", "audio/ogg"},
	{28, "\x01vorbis", "audio/ogg"},
	{28, "Speex   ", "audio/ogg"},
	{28, "\x7fFLAC", "audio/ogg"},
	{28, "\x80theora", "video/ogg"},
	{0, "fLaC", "audio/flac"},
	{0, "#!AMR\n", "audio/amr"},
	{0, "#!AMR-WB\n", "audio/amr-wb"},
	{0, "\xff\xf1", "audio/aac"},
	{0, "\xff\xf9", "audio/aac"},
	{0, "\xff\xfb", "audio/mpeg"},
	{0, "\xff\xf3", "audio/mpeg"},
	{0, "\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"},
	{0, "\xff\x0a", "image/jxl"},
	{0, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"},
	{257, "ustar", "application/x-tar"},
}

// brands are the types of ISO base media files (ISO/IEC 14496-12 §4.3) by their
// major brand.
var brands = map[string]string{
	"heic": "image/heic", "heix": "image/heic", "heim": "image/heic", "heis": "image/heic",
	"hevc": "image/heic-sequence", "hevx": "image/heic-sequence",
	"mif1": "image/heif", "msf1": "image/heif-sequence", "avif": "image/avif", "avis": "image/avif",
	"M4A ": "audio/mp4", "M4B ": "audio/mp4", "M4P ": "audio/mp4",
	"M4V ": "video/mp4", "mp41": "video/mp4", "mp42": "video/mp4", "isom": "video/mp4", "iso2": "video/mp4",
	"iso4": "video/mp4", "iso5": "video/mp4", "iso6": "video/mp4", "avc1": "video/mp4", "dash": "video/mp4",
	"mp71": "video/mp4", "MSNV": "video/mp4", "qt  ": "video/quicktime",
	"3gp4": "video/3gpp", "3gp5": "video/3gpp", "3gp6": "video/3gpp", "3gp7": "video/3gpp", "3g2a": "video/3gpp2",
}

// Sniff returns the media type that content which begins with head, up to 512
// bytes, looks like: OctetStream when it looks like nothing known. Anything that
// a browser would run, such as HTML and SVG, is text/plain: such files are to be
// shown as text or not at all.
func Sniff(head []byte) string {
	head = head[:min(len(head), sniffSize)]
	if len(head) >= 12 && string(head[4:8]) == "ftyp" {
		if typ := brands[string(head[8:12])]; typ != "" {
			return typ
		}
	}
	typ, _, _ := strings.Cut(http.DetectContentType(head), ";")
	switch typ {
	case "text/html", "text/xml":
		return "text/plain"
	case OctetStream, "application/ogg", "text/plain":
		for _, s := range signatures {
			if len(head) >= s.offset && bytes.HasPrefix(head[s.offset:], []byte(s.magic)) {
				return s.typ
			}
		}
	}
	return typ
}
