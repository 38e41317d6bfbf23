// SPDX-License-Identifier: MPL-2.0

package proof_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/confab-im/confab/internal/proof"
	"github.com/stretchr/testify/require"
)

// A test that seems to have failed.
type failing struct {
	*testing.T
	cleanup []func()
}

func (f *failing) Failed() bool      { return true }
func (f *failing) Cleanup(do func()) { f.cleanup = append(f.cleanup, do) }

func TestRecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "proofs")
	t.Setenv(proof.Variable, file)
	t.Run("one", func(t *testing.T) { proof.Record(t, "prosody", "0030", "0313/muc") })
	t.Run("two", func(t *testing.T) { proof.Record(t, "ejabberd", "RFC6120") })
	f := &failing{T: t}
	proof.Record(f, "prosody", "0045")
	require.Len(t, f.cleanup, 1)
	f.cleanup[0]()
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, `{"xep":"0030","server":"prosody","test":"proof.TestRecord/one"}
{"xep":"0313/muc","server":"prosody","test":"proof.TestRecord/one"}
{"xep":"RFC6120","server":"ejabberd","test":"proof.TestRecord/two"}
`, string(got))

	t.Setenv(proof.Variable, "")
	t.Run("nobody asks", func(t *testing.T) { proof.Record(t, "prosody", "0030") })
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, got, after)
}

func TestValid(t *testing.T) {
	for _, name := range []string{"0030", "RFC6121", "0313/muc"} {
		require.True(t, proof.Valid(name), name)
	}
	for _, name := range []string{"", "30", "XEP-0030", "rfc6120", "0030 ", "0313/pubsub"} {
		require.False(t, proof.Valid(name), name)
	}
}
