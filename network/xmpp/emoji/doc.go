// SPDX-License-Identifier: MPL-2.0

// Package emoji finds emoji in text, as Unicode Technical Standard #51 defines
// them: single pictures, with variation selectors and skin tones, flags,
// keycaps, and sequences joined to one picture.
//
// What it does not do: it does not know which sequences a font can draw, names,
// or categories.
//
// All functions are pure, take time proportional to what they look at, and may
// be called from any goroutine.
package emoji
