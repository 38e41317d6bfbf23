// SPDX-License-Identifier: MPL-2.0

// Package qr makes QR codes (ISO/IEC 18004), for showing what another app is to
// scan: core's Account.VerificationURI above all.
//
//	uri, err := account.VerificationURI(ctx)
//	picture, err := qr.PNG(uri, 512)
//
// # What it does not
//
// It reads none, see package scan beside it: reading takes a megabyte of code,
// and phones do it themselves. Package core imports neither.
//
// # Concurrency
//
// The functions keep nothing and may be called from any goroutine.
package qr
