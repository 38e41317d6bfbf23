// SPDX-License-Identifier: MPL-2.0

package element

const nsXMLNS = "http://www.w3.org/2000/xmlns/"

// declare puts a namespace declaration of the start tag being read in scope;
// Namespaces in XML 1.0 §3 and §5. The declarations of the same tag are those
// from scope on; prefixed tells xmlns:prefix="…" from xmlns="…".
func (p *parser) declare(prefix, uri string, scope int, prefixed bool) error {
	for _, b := range p.ns[scope:] {
		if b.prefix == prefix {
			return ErrSyntax // the same attribute twice
		}
	}
	switch {
	case prefix == "xml" && uri == NSXML:
	case prefix == "xml" || prefix == "xmlns" || uri == NSXML || uri == nsXMLNS:
		return ErrNamespace
	case prefixed && uri == "":
		return ErrNamespace
	case len(p.ns) >= maxBindings:
		return ErrLimit
	}
	p.ns = append(p.ns, binding{prefix, uri})
	return nil
}

// lookup returns the namespace of a prefix.
func (p *parser) lookup(prefix string) (uri string, ok bool) {
	for i := len(p.ns) - 1; i >= 0; i-- {
		if p.ns[i].prefix == prefix {
			return p.ns[i].uri, true
		}
	}
	switch prefix {
	case "":
		return "", true
	case "xml":
		return NSXML, true
	}
	return "", false
}
