// SPDX-License-Identifier: MPL-2.0

package xmpp

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Packages of mellium that must not be used, and why.
var refused = map[string]string{
	"mellium.im/xmpp/muc":     "an unawaited self-presence blocks its serve loop for good",
	"mellium.im/xmpp/history": "it drops errors and hands a live reader to another goroutine",
	"mellium.im/xmpp/dial":    "it tries domain:5223 without SRV, without a timeout, and may verify the SRV target's name",
	"mellium.im/xmpp/mux":     "it calls a handler once per payload and decodes each again",
}

func TestTrap09_10_13_PackagesNotUsed(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, "./...").Output()
	require.NoError(t, err)
	imports := strings.Fields(string(out))
	require.Contains(t, imports, "mellium.im/xmpp/stanza", "the list is not empty")
	for path, why := range refused {
		require.NotContains(t, imports, path, why)
	}
}
