// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/confab-im/confab/core/internal/mediadir"
	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/crypto/media"
	"github.com/confab-im/confab/network/xmpp"
)

// filesOf are the files that a message shares with XEP-0447, by the first
// source of each that can be used, or else as an address of XEP-0066 that is all
// of its text.
func filesOf(x *xmpp.Content, body string) []pipeline.File {
	var list []pipeline.File
	for i := range x.Files {
		f := &x.Files[i]
		file := pipeline.File{
			Name: f.Info.Name, MediaType: f.Info.MediaType, Size: f.Info.Size,
			Width: f.Info.Width, Height: f.Info.Height, Duration: f.Info.Length,
		}
		for _, s := range f.Sources {
			if file.URL = s.URL; file.URL != "" {
				break
			}
			if e := s.Encrypted; e != nil && e.Cipher == xmpp.CipherAES256GCM && len(e.URLs) > 0 {
				file.URL, file.Secret = e.URLs[0], slices.Concat(e.IV, e.Key)
				break
			}
		}
		for _, h := range f.Info.Hashes {
			if h.Algo == xmpp.SHA256 {
				file.Hash = h.Value
			}
		}
		for _, t := range f.Info.Thumbnails {
			if kind, data, err := t.Data(); err == nil {
				file.Thumbnail, file.ThumbnailType = data, kind
				break
			}
		}
		if file.URL != "" {
			list = append(list, file)
		}
	}
	if len(list) > 0 {
		return list
	}
	for _, link := range x.Links {
		if link.URL == strings.TrimSpace(body) && strings.HasPrefix(link.URL, "https:") {
			return []pipeline.File{named(pipeline.File{URL: link.URL})}
		}
	}
	return nil
}

// shareFiles takes the text that is nothing but the address of a file for that
// file: an aesgcm: address (XEP-0454), or one that the message also gives in
// another way.
func (c *content) shareFiles() {
	if c.Body == "" || c.Corrects != "" || c.Retracts != "" || c.Reacts != nil {
		return
	}
	known := func(url string) int {
		return slices.IndexFunc(c.Files, func(f pipeline.File) bool { return f.URL == url })
	}
	if a, err := media.ParseBody(strings.TrimSpace(c.Body)); err == nil {
		n := known(a.URL)
		if n < 0 {
			n, c.Files = len(c.Files), append(c.Files, named(pipeline.File{URL: a.URL, Secret: mediadir.Secret(a.Key)}))
		}
		if f := &c.Files[n]; f.Thumbnail == nil && a.Thumbnail != nil {
			f.Thumbnail, f.ThumbnailType = a.Thumbnail, "image/jpeg"
		}
		c.Body = ""
		return
	}
	if known(strings.TrimSpace(c.Body)) >= 0 {
		c.Body = ""
	}
}

// named gives a file the name that its address ends with, and the media type
// that such a name promises.
func named(f pipeline.File) pipeline.File {
	u, err := url.Parse(f.URL)
	if err != nil {
		return f
	}
	if name := path.Base(u.Path); name != "/" && name != "." {
		f.Name = xmpp.FileInfo{Name: name}.SafeName()
		f.MediaType = mediadir.TypeOf(name)
	}
	return f
}

// shareWith says in x where a file is, and returns the text that says it to
// those who know nothing else.
func shareWith(x *xmpp.Content, f *pipeline.File) (body string) {
	shared := xmpp.SharedFile{Disposition: xmpp.Inline, Info: xmpp.FileInfo{
		Name: f.Name, MediaType: f.MediaType, Size: f.Size, Width: f.Width, Height: f.Height, Length: f.Duration,
	}}
	if len(f.Hash) > 0 {
		shared.Info.Hashes = []xmpp.Hash{{Algo: xmpp.SHA256, Value: f.Hash}}
	}
	if len(f.Secret) == 0 {
		body = f.URL
		shared.Sources = []xmpp.FileSource{{URL: f.URL}}
		x.Links = []xmpp.OOB{{URL: f.URL}}
	} else if key, err := mediadir.Key(f.Secret); err == nil {
		body = media.Link{URL: f.URL, Key: key}.AESGCM()
		raw, iv := key.Parts()
		shared.Sources = []xmpp.FileSource{{Encrypted: &xmpp.EncryptedSource{
			Cipher: xmpp.CipherAES256GCM, Key: raw, IV: iv, URLs: []string{f.URL},
		}}}
	}
	x.Files = []xmpp.SharedFile{shared}
	x.Fallbacks = append(x.Fallbacks, xmpp.Fallback{For: xmpp.NSFileSharing, Body: []xmpp.Region{xmpp.Whole}})
	return body
}
