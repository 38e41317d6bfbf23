// SPDX-License-Identifier: MPL-2.0

package qr_test

import (
	"bytes"
	"fmt"

	"github.com/confab-im/confab/core/qr"
	"github.com/confab-im/confab/core/qr/scan"
)

func ExamplePNG() {
	file, err := qr.PNG("xmpp:alice@example.org", 256)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := scan.Picture(bytes.NewReader(file))
	fmt.Println(text, err)
	// Output: xmpp:alice@example.org <nil>
}
