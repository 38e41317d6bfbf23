// SPDX-License-Identifier: MPL-2.0

// XEP-0264: Jingle Content Thumbnails

package xmpp

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/confab-im/confab/network/xmpp/element"
)

const nsThumbs = "urn:xmpp:thumbs:1"

// MaxThumbnail is the most bytes that a thumbnail may have.
const MaxThumbnail = 64 << 10

// thumbnailTypes are the media types of thumbnails that are read: pictures that
// every system decodes, and two forms of blurred colours.
var thumbnailTypes = []string{"image/jpeg", "image/png", "image/webp", "image/blurhash", "image/thumbhash"}

// A Thumbnail stands for a picture that is not there yet.
type Thumbnail struct {
	URI           string // cid:, data: or https:
	MediaType     string
	Width, Height int // pixels, 0 when unknown
}

func thumbnailsOf(e *element.Element) []Thumbnail {
	var list []Thumbnail
	for x := range e.All(nsThumbs, "thumbnail") {
		if len(list) == maxThumbnails {
			break
		}
		t := Thumbnail{
			URI: x.AttrValue("uri"), MediaType: mediaType(x.AttrValue("media-type")),
			Width: int(number(x.AttrValue("width"), maxDimension)), Height: int(number(x.AttrValue("height"), maxDimension)),
		}
		if t.URI != "" && len(t.URI) <= maxDataURI {
			list = append(list, t)
		}
	}
	return list
}

func (t Thumbnail) element() *element.Element {
	x := element.New(nsThumbs, "thumbnail").With("uri", t.URI).WithOptional("media-type", t.MediaType)
	if t.Width > 0 && t.Height > 0 {
		x.With("width", strconv.Itoa(t.Width)).With("height", strconv.Itoa(t.Height))
	}
	return x
}

const maxDataURI = MaxThumbnail/3*4 + 128

// DataThumbnail makes a thumbnail that carries its picture, at most
// [MaxThumbnail] bytes of a type such as image/jpeg.
//
// Errors: [ErrMalformed].
func DataThumbnail(mediaType string, data []byte, width, height int) (Thumbnail, error) {
	if !slices.Contains(thumbnailTypes, mediaType) || len(data) == 0 || len(data) > MaxThumbnail {
		return Thumbnail{}, fmt.Errorf("make thumbnail: %w", ErrMalformed)
	}
	uri := "data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(data)
	return Thumbnail{URI: uri, MediaType: mediaType, Width: width, Height: height}, nil
}

// Data returns the picture that the thumbnail carries, with the type that its
// data: URI states.
//
// Errors: [ErrMalformed] when it carries none, or one of a type that is not
// known or of more than [MaxThumbnail] bytes.
func (t Thumbnail) Data() (mediaType string, data []byte, err error) {
	rest, isData := strings.CutPrefix(t.URI, "data:")
	head, payload, ok := strings.Cut(rest, ",")
	mediaType, encoded := strings.CutSuffix(head, ";base64")
	if !isData || !ok || !encoded || len(t.URI) > maxDataURI || !slices.Contains(thumbnailTypes, mediaType) {
		return "", nil, fmt.Errorf("read thumbnail: %w", ErrMalformed)
	}
	data, err = base64.StdEncoding.Strict().DecodeString(payload)
	if err != nil || len(data) == 0 || len(data) > MaxThumbnail || strings.ContainsAny(payload, "\r\n") {
		return "", nil, fmt.Errorf("read thumbnail: %w", ErrMalformed)
	}
	return mediaType, data, nil
}
