// SPDX-License-Identifier: MPL-2.0

// Package transfer sends files to and gets them from HTTPS servers: the HTTP
// side of XEP-0363, for addresses that a server or a contact has named.
//
//	client, err := transfer.New(transfer.Config{})
//	err = client.Put(ctx, transfer.Upload{URL: slot.Put, Body: file, Size: size})
//	result, err := client.GetFile(ctx, path, transfer.Download{URL: slot.Get, Limit: 50 << 20})
//
// The other side is not trusted. Only https: addresses are used; fragments,
// which may hold keys, go nowhere; the proxy settings of the environment,
// cookies, caches and compression are not used. A download ends at its limit
// whatever the server has announced, and appears under its name only when it is
// complete. Every pause of the other side is bounded; the whole of a transfer is
// not, as long as it moves: bound it with its context.
//
// What it does not do: it checks no hash and decrypts nothing, it decides not
// what may be fetched without asking, and it does not look up whether an address
// leads into the own network (see [Config.Control]).
//
// # Concurrency
//
// A [Client] may be used by many goroutines; two downloads to one path at once
// spoil each other. When a transfer has returned, nothing of what it was given is
// used any more. Close ends what is under way.
//
// # Logging
//
// Nothing is logged. Errors name neither addresses nor file names.
package transfer
