// SPDX-License-Identifier: MPL-2.0

// XEP-0428: Fallback Indication

package xmpp

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/confab-im/confab/network/xmpp/element"
)

// NSFallback is the namespace of fallback indication.
const NSFallback = "urn:xmpp:fallback:0"

// Bounds of what is read of a message.
const (
	MaxFallbacks = 16 // <fallback/> elements
	MaxRegions   = 16 // regions of one of them
)

// A Region is a part of a text, from Start up to and without End, both counted
// in code points from 0 (XEP-0426).
type Region struct{ Start, End int }

// Whole is the region that is all of a text.
var Whole = Region{0, -1}

// A Fallback says which parts of a message are only there for clients that do
// not know an extension.
type Fallback struct {
	For     string   // namespace of the extension; may be empty
	Body    []Region // parts of the body
	Subject []Region // parts of the subject
}

// ParseFallbacks reads the fallback indications of a message. Regions that do
// not say both ends, or have them the wrong way round, are left out.
func ParseFallbacks(message *element.Element) []Fallback {
	var list []Fallback
	for x := range message.All(NSFallback, "fallback") {
		if len(list) == MaxFallbacks {
			break
		}
		f := Fallback{For: x.AttrValue("for")}
		if len(x.Children) == 0 {
			f.Body, f.Subject = []Region{Whole}, []Region{Whole}
		} else {
			f.Body, f.Subject = regionsOf(x, "body"), regionsOf(x, "subject")
		}
		if len(f.Body)+len(f.Subject) > 0 {
			list = append(list, f)
		}
	}
	return list
}

func regionsOf(fallback *element.Element, local string) []Region {
	var list []Region
	for x := range fallback.All(NSFallback, local) {
		if len(list) == MaxRegions {
			break
		}
		_, hasStart := x.LookupAttr("", "start")
		_, hasEnd := x.LookupAttr("", "end")
		if !hasStart && !hasEnd {
			list = append(list, Whole)
		} else if r, ok := parseRegion(x, "start", "end"); ok {
			list = append(list, r)
		}
	}
	return list
}

// maxOffset is beyond the end of every text that a stanza can hold.
const maxOffset = 1 << 24

// parseRegion reads a region that is not empty from two attributes.
func parseRegion(x *element.Element, start, end string) (Region, bool) {
	a, errA := strconv.ParseUint(x.AttrValue(start), 10, 32)
	b, errB := strconv.ParseUint(x.AttrValue(end), 10, 32)
	if errA != nil || errB != nil || a >= b || b > maxOffset {
		return Region{}, false
	}
	return Region{int(a), int(b)}, true
}

func (f Fallback) element() *element.Element {
	x := element.New(NSFallback, "fallback").WithOptional("for", f.For)
	for _, part := range []struct {
		name    string
		regions []Region
	}{{"body", f.Body}, {"subject", f.Subject}} {
		for _, r := range part.regions {
			y := element.New(NSFallback, part.name)
			if r != Whole {
				y.With("start", strconv.Itoa(r.Start)).With("end", strconv.Itoa(r.End))
			}
			x.Add(y)
		}
	}
	return x
}

// Visible is a text without its fallback parts.
type Visible struct {
	Text string
	cuts []Region // in order, not overlapping, not empty
}

// WithoutFallback returns the part of a body that is to be shown by somebody
// who understands the given extensions. A region that goes beyond the end of
// the body is not cut: its sender counts otherwise, and showing too much is
// better than cutting what was meant.
func WithoutFallback(body string, fallbacks []Fallback, understood ...string) Visible {
	var cuts []Region
	size := -1
	for _, f := range fallbacks {
		if !slices.Contains(understood, f.For) {
			continue
		}
		for _, r := range f.Body {
			if size < 0 {
				size = utf8.RuneCountInString(body)
			}
			if r == Whole {
				r.End = size
			}
			if r.Start >= 0 && r.Start < r.End && r.End <= size {
				cuts = append(cuts, r)
			}
		}
	}
	if len(cuts) == 0 {
		return Visible{Text: body}
	}
	slices.SortFunc(cuts, func(a, b Region) int { return a.Start - b.Start })
	merged := cuts[:1]
	for _, r := range cuts[1:] {
		if last := &merged[len(merged)-1]; r.Start <= last.End {
			last.End = max(last.End, r.End)
		} else {
			merged = append(merged, r)
		}
	}
	return Visible{Text: cut(body, merged), cuts: merged}
}

// cut returns s without regions, which are in order and do not overlap.
func cut(s string, regions []Region) string {
	var b strings.Builder
	b.Grow(len(s))
	point, from := 0, 0 // from is where the part begins that stays
	for i := range s {
		if len(regions) > 0 && point == regions[0].Start {
			b.WriteString(s[from:i])
		}
		if len(regions) > 0 && point == regions[0].End {
			regions, from = regions[1:], i
		}
		point++
	}
	if len(regions) == 0 {
		b.WriteString(s[from:])
	}
	return b.String()
}

// Map returns where a region of the full body, such as that of a [Reference],
// is in v.Text; false when a part of it was cut off.
func (v Visible) Map(r Region) (Region, bool) {
	shift := 0
	for _, c := range v.cuts {
		if c.End <= r.Start {
			shift += c.End - c.Start
		} else if c.Start < r.End {
			return Region{}, false
		}
	}
	return Region{r.Start - shift, r.End - shift}, true
}
