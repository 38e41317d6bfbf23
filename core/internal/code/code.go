// SPDX-License-Identifier: MPL-2.0

package code

import (
	"context"
	"errors"
	"strings"
)

// Of returns the code of the outermost error in err's tree that has one;
// "canceled" and "timeout" for a context's; "internal" for an error without
// one; and "" for nil.
func Of(err error) string {
	var coded interface{ Code() string }
	switch {
	case err == nil:
		return ""
	case errors.As(err, &coded):
		return coded.Code()
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "internal"
}

// In says whether err carries a code of the family, the part before the first
// dot: In(err, "storage").
func In(err error, family string) bool {
	return strings.HasPrefix(Of(err), family+".")
}
