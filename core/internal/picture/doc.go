// SPDX-License-Identifier: MPL-2.0

// Package picture makes small pictures of large ones, and pictures to be sent of
// those that a camera has made: scaled, turned the right way up, and without
// what they say about their maker (EXIF with its places and times, comments,
// thumbnails of before they were cropped).
//
// It reads JPEG, PNG, GIF (of which only the first frame is ever decoded) and
// WebP, and writes JPEG and PNG; a GIF is kept as it is, but for its comments.
//
// # Hostile pictures
//
// The size is read before anything is decoded, and what decoding would take is
// bounded by [Limits]. A file of a few bytes that claims to be 65535 by 65535
// pixels costs nothing.
//
// What it does not do: HEIC and AVIF, video, colour profiles (pictures are taken
// for sRGB), and no picture of vectors: SVG is a program.
//
// # Concurrency
//
// All functions are pure. Each takes memory up to Limits.Memory: run few at
// once.
package picture
