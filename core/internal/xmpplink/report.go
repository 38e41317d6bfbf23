// SPDX-License-Identifier: MPL-2.0

package xmpplink

import (
	"context"

	"github.com/confab-im/confab/network/xmpp"
)

// ServerReport asks the server what it offers.
func (l *Link) ServerReport(ctx context.Context) (xmpp.ServerReport, error) {
	if err := l.await(ctx); err != nil {
		return xmpp.ServerReport{}, err
	}
	return l.client.FetchServerReport(ctx, l.people.features.Load())
}
