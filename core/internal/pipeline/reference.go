// SPDX-License-Identifier: MPL-2.0

package pipeline

import "github.com/confab-im/confab/storage"

// refer takes in what a message says about another one.
func (a *Account) refer(*storage.Tx, *emitter, *Incoming, *Content, *storage.Message) error {
	return nil
}
