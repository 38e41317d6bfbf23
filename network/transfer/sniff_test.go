// SPDX-License-Identifier: MPL-2.0

package transfer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/network/transfer"
)

func TestSniff(t *testing.T) {
	ogg := "OggS\x00\x02" + strings.Repeat("\x00", 22)
	for head, want := range map[string]string{
		"":                                    "text/plain",
		"\xff\xd8\xff\xe0":                    "image/jpeg",
		"\x89PNG\r\n\x1a\n":                   "image/png",
		"GIF89a":                              "image/gif",
		"RIFF\x00\x00\x00\x00WEBPVP8 ":        "image/webp",
		"\x00\x00\x00\x18ftypheic\x00\x00":    "image/heic",
		"\x00\x00\x00\x18ftypmif1\x00\x00":    "image/heif",
		"\x00\x00\x00\x18ftypavif\x00\x00":    "image/avif",
		"\x00\x00\x00\x18ftypmp42\x00\x00":    "video/mp4",
		"\x00\x00\x00\x18ftypM4A \x00\x00":    "audio/mp4",
		"\x00\x00\x00\x14ftypqt  \x00\x00":    "video/quicktime",
		"\x00\x00\x00\x14ftyp3gp4\x00\x00":    "video/3gpp",
		"\x00\x00\x00\x14ftypwhat\x00\x00":    transfer.OctetStream,
		ogg + "OpusHead":                      "audio/ogg",
		ogg + "\x80theora":                    "video/ogg",
		"#!AMR\n\x3c":                         "audio/amr",
		"ID3\x03":                             "audio/mpeg",
		"\x1aE\xdf\xa3":                       "video/webm",
		"%PDF-1.7":                            "application/pdf",
		"PK\x03\x04":                          "application/zip",
		"<!DOCTYPE HTML><script>":             "text/plain",
		"<?xml version='1.0'?><svg/>":         "text/plain",
		"<html>":                              "text/plain",
		"hello":                               "text/plain",
		"\x00\x01\x02\x03":                    transfer.OctetStream,
		strings.Repeat("\x00", 257) + "ustar": "application/x-tar",
	} {
		require.Equal(t, want, transfer.Sniff([]byte(head)), "%q", head)
	}
}

func ExampleSniff() {
	fmt.Println(transfer.Sniff([]byte("\xff\xd8\xff\xe0")))
	// Output: image/jpeg
}

func FuzzSniff(f *testing.F) {
	for _, s := range []string{"", "\xff\xd8\xff", "\x00\x00\x00\x18ftypheic", "OggS", "<html>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		got := transfer.Sniff(head)
		require.Regexp(t, `^[a-z]+/[a-z0-9.+-]+$`, got)
		require.NotContains(t, []string{"text/html", "text/xml", "image/svg+xml"}, got)
	})
}
