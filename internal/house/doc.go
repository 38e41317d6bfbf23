// SPDX-License-Identifier: MPL-2.0

// Package house holds no code, only tests of the rules that every file of the
// project keeps: a licence line, a doc.go in every package, files of a size
// that can be read, no notes to oneself.
package house
