// SPDX-License-Identifier: MPL-2.0

package media

type codedError struct{ code, msg string }

func (e *codedError) Error() string { return e.msg }

// Code returns the stable name of the error.
func (e *codedError) Code() string { return e.code }

// Errors of this package. None names a file, an address or a key.
var (
	// ErrNotMedia: the text is no aesgcm: address.
	ErrNotMedia error = &codedError{"media.not-media", "no encrypted file"}
	// ErrKey: a key or an initialisation vector has a size that is not used.
	ErrKey error = &codedError{"media.key", "unusable key"}
	// ErrAuthentication: the file was changed, or the key is another one's.
	ErrAuthentication error = &codedError{"media.authentication", "encrypted file is not authentic"}
	// ErrTooLarge: a file exceeds what one key may encrypt, [MaxSize].
	ErrTooLarge error = &codedError{"media.too-large", "file too large"}
	// ErrThumbnail: a thumbnail is no JPEG or exceeds [MaxThumbnail].
	ErrThumbnail error = &codedError{"media.thumbnail", "unusable thumbnail"}
)
