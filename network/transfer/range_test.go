// SPDX-License-Identifier: MPL-2.0

package transfer

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzAnswer feeds what a server may say of a file to what decides on it.
func FuzzAnswer(f *testing.F) {
	f.Add(206, "bytes 3-5/6", int64(3), int64(3), "")
	f.Add(206, "bytes 3-5/*", int64(-1), int64(3), "identity")
	f.Add(206, "bytes 9223372036854775807-9223372036854775807/9223372036854775807", int64(1), int64(3), "")
	f.Add(416, "bytes */6", int64(0), int64(6), "")
	f.Add(200, "", int64(6), int64(0), "gzip")
	f.Fuzz(func(t *testing.T, status int, contentRange string, length, asked int64, encoding string) {
		d := Download{Limit: 100}
		header := http.Header{"Content-Range": {contentRange}, "Content-Encoding": {encoding}}
		offset, total, err := d.check(&http.Response{StatusCode: status, Header: header, ContentLength: max(length, -1)}, max(asked, 0))
		if err == nil {
			require.LessOrEqual(t, total, d.Limit)
			require.True(t, offset == 0 || offset == asked)
			require.True(t, total < 0 || offset <= total)
		}
		require.GreaterOrEqual(t, unsatisfied(contentRange), int64(-1))
	})
}
