// SPDX-License-Identifier: MPL-2.0

//go:build servers

package core_test

import (
	"fmt"
	"strings"
)

// ranges shortens a series for a failure's message: "0-434 716-999 435-715".
func ranges(got []string, series string) string {
	var parts []string
	first, last := -1, -1
	flush := func() {
		if first >= 0 {
			parts = append(parts, fmt.Sprintf("%d-%d", first, last))
		}
	}
	for _, body := range got {
		var n int
		if _, err := fmt.Sscanf(strings.TrimPrefix(body, series), " %d", &n); err != nil {
			continue
		}
		if n != last+1 || first < 0 {
			flush()
			first = n
		}
		last = n
	}
	flush()
	return strings.Join(parts, " ")
}
