// SPDX-License-Identifier: MPL-2.0

// XEP-0115: Entity Capabilities

package xmpp

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"

	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/jid"

	"github.com/confab-im/confab/network/xmpp/element"
)

// HashSHA1 is the hash that XEP-0115 makes mandatory. It names what is known
// anyway; nothing depends on it being hard to collide but a cache of features.
const HashSHA1 = "sha-1"

// Caps is a name for what an entity can do, sent along with presence.
type Caps struct {
	Hash string // such as sha-1
	Node string // the program, a URI
	Ver  string // hash of the [Info], base64
}

// ParseCaps reads the capabilities in a presence, nil when there are none. The
// form without a hash, from before version 1.4, cannot be verified and counts
// as none.
func ParseCaps(presence *element.Element) *Caps {
	x := presence.Child(disco.NSCaps, "c")
	c := Caps{Hash: x.AttrValue("hash"), Node: x.AttrValue("node"), Ver: x.AttrValue("ver")}
	if c.Hash == "" || c.Node == "" || c.Ver == "" {
		return nil
	}
	return &c
}

// Element builds the part of a presence.
func (c Caps) Element() *element.Element {
	return element.New(disco.NSCaps, "c").With("hash", c.Hash).With("node", c.Node).With("ver", c.Ver)
}

// A CapsCache keeps answers to disco#info across restarts, by hash and ver as
// in [Caps]. Both methods may be called by several goroutines at once. An error
// of either only costs a request.
type CapsCache interface {
	LoadCaps(ctx context.Context, hash, ver string) (info []byte, ok bool, err error)
	SaveCaps(ctx context.Context, hash, ver string, info []byte) error
}

// Hash returns the verification string of i by SHA-1, XEP-0115 §5.1.
//
// disco.Info of mellium computes it, too, but does not escape, sorts no forms,
// accepts what §5.4 wants refused, and panics on a form without fields.
//
// Errors: [ErrMalformed] when i has something twice, which lets two different
// answers have one string.
func (i Info) Hash() (string, error) { return i.hash(sha1.New()) }

func (i Info) hash(h hash.Hash) (string, error) {
	s, err := i.verification()
	if err != nil {
		return "", fmt.Errorf("hash capabilities: %w", err)
	}
	h.Write([]byte(s))
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

// verification builds the string that is hashed. "<" separates its parts and
// is escaped inside of them.
func (i Info) verification() (string, error) {
	identities := make([]string, 0, len(i.Identities))
	for _, id := range i.Identities {
		identities = append(identities, escapeCaps(id.Category)+"/"+escapeCaps(id.Type)+"/"+escapeCaps(id.Lang)+"/"+escapeCaps(id.Name))
	}
	features := make([]string, 0, len(i.Features))
	for _, f := range i.Features {
		features = append(features, escapeCaps(f))
	}
	formStrings := map[string]string{}
	var formTypes []string
	for n := range i.Forms {
		typ, s, err := i.Forms[n].verification()
		if err != nil {
			return "", err
		}
		if s != "" {
			formTypes = append(formTypes, typ)
			formStrings[typ] = s
		}
	}
	var b strings.Builder
	for _, part := range [][]string{identities, features, formTypes} {
		slices.Sort(part)
		if len(slices.Compact(slices.Clone(part))) != len(part) {
			return "", fmt.Errorf("%w: capabilities repeat", ErrMalformed)
		}
	}
	for _, s := range append(identities, features...) {
		b.WriteString(s + "<")
	}
	for _, typ := range formTypes {
		b.WriteString(formStrings[typ])
	}
	return b.String(), nil
}

// verification is empty for a form that is not to be counted: one that does not
// say in a hidden field what it is.
func (f *Form) verification() (typ, s string, err error) {
	field := f.Field(formType)
	if field == nil || field.Type != "hidden" || len(field.Values) == 0 {
		return "", "", nil
	}
	if len(slices.Compact(slices.Clone(field.Values))) > 1 {
		return "", "", fmt.Errorf("%w: capabilities with two form types", ErrMalformed)
	}
	typ = field.Values[0]
	fields := slices.DeleteFunc(slices.Clone(f.Fields), func(x Field) bool { return x.Var == formType })
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Var, b.Var) })
	var b strings.Builder
	b.WriteString(escapeCaps(typ) + "<")
	for _, x := range fields {
		b.WriteString(escapeCaps(x.Var) + "<")
		values := slices.Sorted(slices.Values(x.Values))
		for _, v := range values {
			b.WriteString(escapeCaps(v) + "<")
		}
	}
	return typ, b.String(), nil
}

func escapeCaps(s string) string { return strings.ReplaceAll(s, "<", "&lt;") }

func capsHash(name string) hash.Hash {
	switch name {
	case HashSHA1:
		return sha1.New()
	case "sha-256":
		return sha256.New()
	case "sha-512":
		return sha512.New()
	}
	return nil
}

// verify reports whether i is what caps name.
func (c Caps) verify(i Info) bool {
	h := capsHash(c.Hash)
	if h == nil {
		return false
	}
	ver, err := i.hash(h)
	return err == nil && ver == c.Ver
}

// Capabilities returns what the sender of a presence can do: from the cache, or
// by asking it once. What does not match its hash is returned, but not
// remembered: it holds for this sender only. With nil caps the sender is always
// asked.
//
// Errors: those of [Client.FetchInfo].
func (c *Client) Capabilities(ctx context.Context, from jid.JID, caps *Caps) (Info, error) {
	if caps == nil {
		return c.FetchInfo(ctx, from, "")
	}
	if i, ok := c.loadCaps(ctx, *caps); ok {
		return i, nil
	}
	wait, first := c.flights.begin(*caps)
	if !first {
		select {
		case <-wait:
		case <-ctx.Done():
			return Info{}, fmt.Errorf("fetch capabilities: %w", context.Cause(ctx))
		}
		if i, ok := c.loadCaps(ctx, *caps); ok {
			return i, nil
		}
	} else {
		defer c.flights.end(*caps)
	}
	i, err := c.FetchInfo(ctx, from, caps.Node+"#"+caps.Ver)
	if err != nil {
		return Info{}, fmt.Errorf("fetch capabilities: %w", err)
	}
	if caps.verify(i) && c.cfg.Caps != nil {
		if err := c.cfg.Caps.SaveCaps(ctx, caps.Hash, caps.Ver, i.Element().Bytes()); err != nil {
			c.log.Debug("capabilities not kept", "err", err)
		}
	}
	return i, nil
}

func (c *Client) loadCaps(ctx context.Context, caps Caps) (Info, bool) {
	if caps == c.caps {
		return c.info, true
	}
	if c.cfg.Caps == nil || capsHash(caps.Hash) == nil {
		return Info{}, false
	}
	b, ok, err := c.cfg.Caps.LoadCaps(ctx, caps.Hash, caps.Ver)
	if err != nil || !ok {
		return Info{}, false
	}
	e, err := element.Parse(b, element.Limits{})
	if err != nil {
		return Info{}, false
	}
	i, err := ParseInfo(e)
	return i, err == nil
}

// capsFlights makes many contacts with the same program cost one request.
type capsFlights struct {
	mu   sync.Mutex
	wait map[Caps]chan struct{}
}

// begin says whether the caller is the one to ask; the others wait.
func (f *capsFlights) begin(caps Caps) (wait <-chan struct{}, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w, ok := f.wait[caps]; ok {
		return w, false
	}
	if f.wait == nil {
		f.wait = make(map[Caps]chan struct{})
	}
	f.wait[caps] = make(chan struct{})
	return nil, true
}

func (f *capsFlights) end(caps Caps) {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.wait[caps])
	delete(f.wait, caps)
}

func (cfg Config) node() string {
	if cfg.Node != "" {
		return cfg.Node
	}
	return "https://github.com/confab-im/confab"
}
