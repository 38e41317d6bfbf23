// SPDX-License-Identifier: MPL-2.0

package mediadir

import (
	"path"
	"slices"
	"strings"

	"github.com/confab-im/confab/network/transfer"
)

// types are the media types that endings of names promise. The list of a system
// is not used: it differs from one to the next.
var types = map[string]string{
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp",
	".heic": "image/heic", ".heif": "image/heif", ".avif": "image/avif", ".jxl": "image/jxl", ".bmp": "image/bmp",
	".svg": "image/svg+xml",
	".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm", ".3gp": "video/3gpp",
	".avi": "video/avi", ".ogv": "video/ogg", ".mkv": "video/webm",
	".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".aac": "audio/aac", ".ogg": "audio/ogg", ".oga": "audio/ogg",
	".opus": "audio/ogg", ".flac": "audio/flac", ".wav": "audio/wave", ".amr": "audio/amr",
	".pdf": "application/pdf", ".zip": "application/zip", ".gz": "application/x-gzip", ".7z": "application/x-7z-compressed",
	".rar": "application/x-rar-compressed", ".tar": "application/x-tar", ".txt": "text/plain", ".vcf": "text/vcard",
	".ics": "text/calendar", ".apk": "application/vnd.android.package-archive",
}

// TypeOf returns the media type that a name promises, "" when it promises none.
func TypeOf(name string) string { return types[strings.ToLower(path.Ext(name))] }

// Ending returns the ending of a file's name as it may be told to a server,
// "" when it is none of those that are known.
func Ending(name string) string {
	if ending := strings.ToLower(path.Ext(name)); types[ending] != "" {
		return ending
	}
	return ""
}

// Deceives says whether a name promises something else than the content, whose
// type was sniffed, turned out to be.
func Deceives(name, sniffed string) bool {
	promised := TypeOf(name)
	if promised == "" || promised == sniffed {
		return false
	}
	family := func(typ string) string { return typ[:strings.IndexByte(typ, '/')] }
	switch {
	case family(promised) == "text", promised == "image/svg+xml":
		return sniffed != "text/plain"
	case promised == "application/vnd.android.package-archive":
		return sniffed != "application/zip"
	case sniffed == transfer.OctetStream:
		return !slices.Contains(unknown, promised)
	case family(promised) == "audio", family(promised) == "video": // the same containers hold both
		return family(sniffed) != "audio" && family(sniffed) != "video"
	case family(promised) == "image":
		return family(sniffed) != "image"
	}
	return true
}

// unknown are types that are not told from their content for sure.
var unknown = []string{"audio/mpeg", "audio/aac", "audio/mp4", "video/mp4", "video/3gpp", "video/quicktime", "image/bmp", "application/x-tar"}

// Called returns the name of a file whose content is of that type: a picture
// that was made into another format gets another ending.
func Called(name, mediaType string) string {
	ending := map[string]string{"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif"}[mediaType]
	if ending == "" || TypeOf(name) == mediaType {
		return name
	}
	if strings.HasPrefix(TypeOf(name), "image/") {
		name = strings.TrimSuffix(name, path.Ext(name))
	}
	if name == "" {
		name = "picture"
	}
	return name + ending
}
