// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"
)

const doapHead = `<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: MPL-2.0 -->
<!-- Written by make compliance from tests that have passed. -->
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
         xmlns="http://usefulinc.com/ns/doap#"
         xmlns:xmpp="https://linkmauve.fr/ns/xmpp-doap#">
  <Project xml:lang="en">
    <name>Confab</name>
    <shortdesc>A Go SDK for messengers on XMPP with end-to-end encryption</shortdesc>
    <homepage rdf:resource="https://github.com/confab-im/confab"/>
    <license rdf:resource="https://www.mozilla.org/MPL/2.0/"/>
    <programming-language>Go</programming-language>
    <category rdf:resource="https://linkmauve.fr/ns/xmpp-doap#category-library"/>
    <repository>
      <GitRepository>
        <browse rdf:resource="https://github.com/confab-im/confab"/>
        <location rdf:resource="https://github.com/confab-im/confab.git"/>
      </GitRepository>
    </repository>
`

// doap describes the project as XEP-0453 section 4.2 has it. Only what counts is
// in it, as partial: tests do not show that nothing of a text is left out.
func (e evidence) doap() []byte {
	b := bytes.NewBufferString(doapHead)
	for _, standard := range e.standards() {
		var on []string
		for _, s := range servers {
			if e.counts(standard, s) {
				on = append(on, serverNames[s])
			}
		}
		if len(on) == 0 || strings.Contains(standard, "/") {
			continue
		}
		if rfc, ok := strings.CutPrefix(standard, "RFC"); ok {
			fmt.Fprintf(b, "    <implements rdf:resource=\"https://www.rfc-editor.org/info/rfc%s\"/>\n", rfc)
			continue
		}
		fmt.Fprintf(b, `    <implements>
      <xmpp:SupportedXep>
        <xmpp:xep rdf:resource="https://xmpp.org/extensions/xep-%s.html"/>
        <xmpp:status>partial</xmpp:status>
        <xmpp:note xml:lang="en">Tested with %s.</xmpp:note>
      </xmpp:SupportedXep>
    </implements>
`, standard, strings.Join(on, " and "))
	}
	b.WriteString("  </Project>\n</rdf:RDF>\n")
	return b.Bytes()
}
