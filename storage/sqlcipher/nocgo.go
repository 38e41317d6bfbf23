// SPDX-License-Identifier: MPL-2.0

//go:build !cgo

package sqlcipher

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/confab-im/confab/storage/backend"
)

// errNoCgo is every answer of a program that was built with CGO_ENABLED=0.
var errNoCgo = errors.New("built without cgo, which SQLCipher needs")

// Backend implements [backend.Backend] by refusing everything.
type Backend struct{}

// New returns the backend.
func New() *Backend { return &Backend{} }

// Name names the driver.
func (*Backend) Name() string { return "sqlcipher" }

// Caps says what the driver can do; the header would be possible with cgo.
func (*Backend) Caps() backend.Caps { return backend.Caps{PlaintextHeader: true} }

// Connectors refuses.
func (*Backend) Connectors(backend.Config) (writer, reader driver.Connector, err error) {
	return nil, nil, errNoCgo
}

// Copy refuses.
func (*Backend) Copy(context.Context, *sql.Conn, backend.Config) error { return errNoCgo }

// Check refuses.
func (*Backend) Check(context.Context, *sql.Conn) error { return errNoCgo }

// Classify says that nothing can be encrypted.
func (*Backend) Classify(error) backend.Class { return backend.NotCipher }

// Describe says why.
func (*Backend) Describe(error) string { return errNoCgo.Error() }
