// SPDX-License-Identifier: MPL-2.0

package element

// Errors of [Parse]. They never carry a piece of the input.
var (
	// ErrSyntax: the bytes are not one well-formed element.
	ErrSyntax error = &codedError{"xmpp.xml.not-well-formed", "not well-formed XML"}
	// ErrRestricted: well-formed, but a kind of XML that RFC 6120 §11.1
	// forbids: a comment, processing instruction, document type or an entity
	// beyond the predefined ones.
	ErrRestricted error = &codedError{"xmpp.xml.restricted", "XML not allowed in XMPP"}
	// ErrNamespace: a prefix without a declaration, or a declaration that
	// Namespaces in XML 1.0 forbids.
	ErrNamespace error = &codedError{"xmpp.xml.namespace", "bad XML namespace"}
	// ErrLimit: one of the [Limits] is exceeded.
	ErrLimit error = &codedError{"xmpp.xml.limit", "XML exceeds a limit"}
)

type codedError struct{ code, msg string }

func (e *codedError) Error() string { return e.msg }

// Code returns the stable name of the error.
func (e *codedError) Code() string { return e.code }
