// SPDX-License-Identifier: MPL-2.0

// Package scan reads QR codes (ISO/IEC 18004) out of pictures, for apps on
// machines that cannot do it themselves, and for tests. What it reads was made
// by anybody: hand it to core's ParseVerificationURI, which is strict.
//
// # What it does not
//
// It opens no camera and follows no address. It reads one code in a picture,
// upright or turned, dark on light or light on dark. Package core does not import it, so that only
// apps that call it carry the reader's code, a megabyte.
//
// # Concurrency
//
// The functions keep nothing and may be called from any goroutine.
package scan
