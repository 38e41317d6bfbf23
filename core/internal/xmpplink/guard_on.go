// SPDX-License-Identifier: MPL-2.0

//go:build servers || killpoint

package xmpplink

import (
	"context"

	"github.com/confab-im/confab/storage"
)

// guard keeps the network out of database transactions: waiting for a server
// with the only writer in hand would stop everything. Builds for tests against
// real servers panic on the mistake.
func guard(ctx context.Context) {
	if storage.InTransaction(ctx) {
		panic("core: network used inside of a database transaction")
	}
}
