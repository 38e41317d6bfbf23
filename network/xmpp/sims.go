// SPDX-License-Identifier: MPL-2.0

// XEP-0385: Stateless Inline Media Sharing (SIMS)

package xmpp

import (
	"github.com/confab-im/confab/network/xmpp/element"
)

const nsSIMS = "urn:xmpp:sims:1"

// nsJingleFiles are the namespaces of the file element in SIMS: versions of
// XEP-0234, and XEP-0446 by newer clients.
var nsJingleFiles = []string{"urn:xmpp:jingle:apps:file-transfer:5", "urn:xmpp:jingle:apps:file-transfer:4", nsFileMetadata}

// ParseSIMS reads the files that a message shares with XEP-0385, which
// XEP-0447 has replaced: it is read and not sent.
func ParseSIMS(message *element.Element) []SharedFile {
	var list []SharedFile
	for reference := range message.All(NSReference, "reference") {
		media := reference.Child(nsSIMS, "media-sharing")
		if media == nil {
			continue
		}
		if len(list) == MaxFiles {
			break
		}
		f := SharedFile{SIMS: true}
		f.Region, _ = parseRegion(reference, "begin", "end")
		for _, space := range nsJingleFiles {
			if info := media.Child(space, "file"); info != nil {
				f.Info = parseFileInfo(info)
				break
			}
		}
		sources := media.Child(nsSIMS, "sources")
		for x := range sources.All(NSReference, "reference") {
			if len(f.Sources) == MaxSources {
				break
			}
			if u := httpsURL(x.AttrValue("uri")); u != "" {
				f.Sources = append(f.Sources, FileSource{URL: u})
			}
		}
		list = append(list, f)
	}
	return list
}
