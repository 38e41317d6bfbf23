// SPDX-License-Identifier: MPL-2.0

// XEP-0447: Stateless file sharing

package xmpp

import (
	"slices"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSFileSharing is the namespace of stateless file sharing.
const NSFileSharing = "urn:xmpp:sfs:0"

const (
	nsURLData   = "http://jabber.org/protocol/url-data" // XEP-0103
	nsAttaching = "urn:xmpp:message-attaching:1"        // XEP-0367
)

// Bounds of what is read of one message.
const (
	MaxFiles   = 32 // files
	MaxSources = 16 // sources of a file, and addresses of an encrypted source
)

// A Disposition says how a file is to be shown.
type Disposition string

// The dispositions of XEP-0447 §3.1. Without one, the receiver decides.
const (
	Inline     Disposition = "inline"
	Attachment Disposition = "attachment" // not to be fetched without being asked for
)

// A SharedFile is a file that a message shares.
type SharedFile struct {
	ID          string // names the file within the message; may be empty
	Disposition Disposition
	Info        FileInfo
	// Sources are where to get it, best first as the sender sees it. None
	// yet means that they follow in another message.
	Sources []FileSource
	// SIMS is set for a file shared with XEP-0385, and Region then is the part
	// of the body it belongs to. Such a file is read only.
	SIMS   bool
	Region Region
}

// A FileSource is one place to get a file from: an address, or an encrypted
// copy of the file with its key.
type FileSource struct {
	URL       string // https:, of the file itself
	Encrypted *EncryptedSource
}

// ParseFiles reads the files that a message shares with XEP-0447. Sources that
// are not known or not https: are left out, and so are HTTP headers that a
// sender would have us send, XEP-0104.
func ParseFiles(message *element.Element) []SharedFile {
	var list []SharedFile
	for x := range message.All(NSFileSharing, "file-sharing") {
		if len(list) == MaxFiles {
			break
		}
		info := x.Child(nsFileMetadata, "file")
		if info == nil {
			continue
		}
		f := SharedFile{
			ID: referredID(x), Info: parseFileInfo(info), Sources: sourcesOf(x.Child(NSFileSharing, "sources")),
		}
		if d := Disposition(x.AttrValue("disposition")); d == Inline || d == Attachment {
			f.Disposition = d
		}
		list = append(list, f)
	}
	return list
}

// sourcesOf reads a <sources/> element; the sources are read in document order.
func sourcesOf(sources *element.Element) []FileSource {
	if sources == nil {
		return nil
	}
	var list []FileSource
	for _, x := range sources.Children {
		if len(list) == MaxSources {
			break
		}
		switch {
		case x.Is(nsURLData, "url-data"):
			if u := httpsURL(x.AttrValue("target")); u != "" {
				list = append(list, FileSource{URL: u})
			}
		case x.Is(nsEncryptedFiles, "encrypted"):
			if e := parseEncryptedSource(x); e != nil {
				list = append(list, FileSource{Encrypted: e})
			}
		}
	}
	return list
}

func (f SharedFile) element() *element.Element {
	return element.New(NSFileSharing, "file-sharing").
		WithOptional("disposition", string(f.Disposition)).
		WithOptional("id", f.ID).
		Add(f.Info.element(nsFileMetadata), sourcesElement(f.Sources))
}

func sourcesElement(sources []FileSource) *element.Element {
	if len(sources) == 0 {
		return nil
	}
	x := element.New(NSFileSharing, "sources")
	for _, s := range sources {
		if s.URL != "" {
			x.Add(element.New(nsURLData, "url-data").With("target", s.URL))
		}
		x.Add(s.Encrypted.element())
	}
	return x
}

// AttachedSources are sources of a file that an earlier message shared, §3.3.
// Only the author of that message may add them.
type AttachedSources struct {
	Message string // id of that message
	File    string // [SharedFile.ID]; empty when the file has none
	Sources []FileSource
}

// ParseAttachedSources reads sources for an earlier message, nil when there are
// none.
func ParseAttachedSources(message *element.Element) *AttachedSources {
	x := only(message, NSFileSharing, "sources")
	a := AttachedSources{Message: referredID(only(message, nsAttaching, "attach-to")), File: referredID(x), Sources: sourcesOf(x)}
	if a.Message == "" || len(a.Sources) == 0 {
		return nil
	}
	return &a
}

func (a *AttachedSources) elements() []*element.Element {
	if a == nil || a.Message == "" || len(a.Sources) == 0 {
		return nil
	}
	return []*element.Element{
		element.New(nsAttaching, "attach-to").With("id", a.Message),
		sourcesElement(a.Sources).WithOptional("id", a.File),
	}
}

// urls returns all addresses of a file.
func (f SharedFile) urls() []string {
	var list []string
	for _, s := range f.Sources {
		if s.URL != "" {
			list = append(list, s.URL)
		}
		if s.Encrypted != nil {
			list = append(list, s.Encrypted.URLs...)
		}
	}
	return list
}

// sameFile reports whether two ways to share a file give the same address, as
// those of a sender who shares a file in both ways do.
func sameFile(a, b SharedFile) bool {
	urls := b.urls()
	return slices.ContainsFunc(a.urls(), func(u string) bool { return slices.Contains(urls, u) })
}
