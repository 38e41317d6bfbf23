// SPDX-License-Identifier: MPL-2.0

// Package backend is the seam between the storage package and the encrypted
// SQLite it runs on.
//
// A backend hands out database/sql connectors for one writer and for readers,
// copies a database page by page under another key, checks a file, and says
// what a driver's error means. It holds no SQL of the application and knows no
// table. There is one package per driver; storage/sqlcipher is the default.
//
// Every implementation must keep these promises:
//
//   - The file is encrypted with exactly the 32 bytes of [Config.Key]; a
//     backend that cannot encrypt fails to connect instead of writing plain text.
//   - No key appears in a data source name that is kept, in an error, or in
//     any rendering of a connector.
//   - Only the writer's connection ever runs a checkpoint.
//
// Connectors are safe for concurrent use; the other methods are called by one
// goroutine at a time.
package backend
