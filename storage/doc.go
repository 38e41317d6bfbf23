// SPDX-License-Identifier: MPL-2.0

// Package storage keeps everything in one encrypted database.
package storage
