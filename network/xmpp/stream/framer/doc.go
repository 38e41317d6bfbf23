// SPDX-License-Identifier: MPL-2.0

// Package framer cuts the bytes of an XML stream (RFC 6120 section 4) in whole
// elements.
package framer
