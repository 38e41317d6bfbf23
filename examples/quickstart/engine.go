// SPDX-License-Identifier: MPL-2.0

package main

import (
	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/libsignal"
)

// newEngine chooses the session engine. This one is under the GPL-3.0, and so
// is a program that links it.
func newEngine() engine.Engine { return libsignal.New() }
