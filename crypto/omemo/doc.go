// SPDX-License-Identifier: MPL-2.0

// Package omemo does OMEMO (XEP-0384): devices, bundles, prekeys, sessions and
// envelopes, over a session engine and a store that are given to it.
package omemo
