// SPDX-License-Identifier: MPL-2.0

package omemotest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/omemo"
	"github.com/confab-im/confab/crypto/omemo/omemotest"
)

func TestStore(t *testing.T) {
	omemotest.RunStore(t, func(*testing.T) omemo.Store { return omemotest.NewStore() })
}

func TestCloneEqualFail(t *testing.T) {
	ctx := t.Context()
	st := omemotest.NewStore()
	require.NoError(t, st.SaveDevice(ctx, 1, "a@x", 1, true))
	_, err := st.SaveSession(ctx, 1, "a@x", 1, 0, []byte("s"))
	require.NoError(t, err)
	copied := st.Clone()
	require.True(t, st.Equal(copied))
	_, err = st.SaveSession(ctx, 1, "a@x", 1, 1, []byte("changed"))
	require.NoError(t, err)
	require.False(t, st.Equal(copied))
	copied = st.Clone()
	_, err = st.TouchDevice(ctx, 1, "a@x", 1, time.Unix(9, 0), true)
	require.NoError(t, err)
	require.False(t, st.Equal(copied))

	broken := errors.New("broken")
	st.Fail(1, broken)
	_, err = st.CatchingUp(ctx)
	require.NoError(t, err)
	_, err = st.CatchingUp(ctx)
	require.ErrorIs(t, err, broken)
	st.Fail(0, nil)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = st.CatchingUp(ended)
	require.ErrorIs(t, err, context.Canceled)
}
