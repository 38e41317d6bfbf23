// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is said of one session never counts for another.
func TestHandledOf(t *testing.T) {
	l := newLedger(Limits{}.withDefaults())
	for _, id := range []string{"one", "two"} {
		l.begin(session{sm: true, id: id})
		for range 3 {
			l.count()
		}
	}
	l.handleOf("one", 3)
	require.Zero(t, l.in.handled)
	l.handleOf("two", 2)
	require.EqualValues(t, 2, l.in.handled)
}
