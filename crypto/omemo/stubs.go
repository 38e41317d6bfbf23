// SPDX-License-Identifier: MPL-2.0

package omemo

import (
	"context"
	"errors"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/trust"
)

var errStub = errors.New("not there yet")

func (m *Manager) Setup(ctx context.Context, st Store) (created bool, err error) {
	return false, errStub
}
func (m *Manager) DeviceID(ctx context.Context, st Store) (uint32, error)  { return 0, errStub }
func (m *Manager) OwnBundle(ctx context.Context, st Store) (Bundle, error) { return Bundle{}, errStub }
func (m *Manager) Maintain(ctx context.Context, st Store) (publish bool, err error) {
	return false, errStub
}
func (m *Manager) UpdateDevices(ctx context.Context, st Store, jid string, ids []uint32) (DeviceChange, error) {
	return DeviceChange{}, errStub
}
func (m *Manager) Devices(ctx context.Context, st Store, jid string) ([]Device, error) {
	return nil, errStub
}
func (m *Manager) SetTrust(ctx context.Context, st Store, jid string, k engine.PublicKey, s trust.State) error {
	return errStub
}
func (m *Manager) ForgetDevice(ctx context.Context, st Store, a Address) error { return errStub }
func (m *Manager) AddBundle(ctx context.Context, st Store, a Address, b PublishedBundle) error {
	return errStub
}
func (m *Manager) MissingSessions(ctx context.Context, st Store, jids []string) ([]Address, error) {
	return nil, errStub
}
func (m *Manager) Encrypt(ctx context.Context, st Store, plaintext []byte, jids []string) (Envelope, Report, error) {
	return Envelope{}, Report{}, errStub
}
func (m *Manager) EncryptEmpty(ctx context.Context, st Store, a Address) (Envelope, error) {
	return Envelope{}, errStub
}
func (m *Manager) Decrypt(ctx context.Context, st Store, sender string, env Envelope) (Result, error) {
	return Result{}, errStub
}
