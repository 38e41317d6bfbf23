// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"slices"

	"github.com/confab-im/confab/core/internal/pipeline"
	"github.com/confab-im/confab/network/xmpp"
)

// filesOf are the files that a message shares with XEP-0447, by the first
// source of each that can be used.
func filesOf(x *xmpp.Content) []pipeline.File {
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
	return list
}
