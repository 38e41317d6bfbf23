// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/omemo"
)

// Labels are shown when the device's own key has signed them.
func TestLabels(t *testing.T) {
	a, b := speak(t, alice, old, new2), speak(t, bob, old, new2)
	for _, s := range []string{strings.Repeat("x", omemo.MaxLabel+1), "\xff", "two\nlines", "\x00", "\u0085", "\ufffe"} {
		require.ErrorIs(t, b.SetLabel(b.ctx, b.st, s), omemo.ErrBadLabel)
	}
	require.NoError(t, b.SetLabel(b.ctx, b.st, strings.Repeat("ü", omemo.MaxLabel)))
	require.NoError(t, b.SetLabel(b.ctx, b.st, "Bob's phone"))
	third := omemo.Listed{ID: b.id%1000 + 1, Label: "laptop", Signature: []byte("whatever it is")}
	change, err := b.UpdateDevices(b.ctx, b.st, new2, bob, []omemo.Listed{third})
	require.NoError(t, err)
	require.Len(t, change.Republish, 2)
	require.Equal(t, third, change.Republish[0], "others' labels are kept as they are")
	require.Equal(t, "Bob's phone", change.Republish[1].Label)
	list, err := b.OwnList(b.ctx, b.st, new2)
	require.NoError(t, err)
	require.Equal(t, third, list[0])
	list03, err := b.OwnList(b.ctx, b.st, old)
	require.NoError(t, err)
	require.Equal(t, []omemo.Listed{{ID: b.id}}, list03, "there are none in 0.3")
	for _, c := range []struct {
		p    engine.Profile
		self omemo.Listed
		fine bool
	}{
		{new2, list[1], true},
		{old, omemo.Listed{ID: b.id}, true},
		{new2, omemo.Listed{ID: b.id}, false},
		{new2, omemo.Listed{ID: b.id, Label: "Bob's phone"}, false},
		{new2, omemo.Listed{ID: b.id, Label: "Bob's telephone", Signature: list[1].Signature}, false},
	} {
		change, err := b.UpdateDevices(b.ctx, b.st, c.p, bob, []omemo.Listed{c.self, third})
		require.NoError(t, err)
		require.Equal(t, c.fine, change.Republish == nil, "another device had an older list: %+v", c.self)
		if !c.fine {
			require.Equal(t, "Bob's phone", change.Republish[1].Label)
		}
	}

	label := func(change func(*omemo.Listed)) string {
		own := list[1]
		own.Signature = slices.Clone(own.Signature)
		change(&own)
		_, err := a.UpdateDevices(a.ctx, a.st, new2, bob, []omemo.Listed{own})
		require.NoError(t, err)
		devices, err := a.Devices(a.ctx, a.st, bob)
		require.NoError(t, err)
		return devices[0].Label
	}
	require.Empty(t, label(func(*omemo.Listed) {}), "its key is not known yet")
	a.send("x", bob, b)
	require.Equal(t, "Bob's phone", label(func(*omemo.Listed) {}))
	require.Empty(t, label(func(d *omemo.Listed) { d.Label = "Bob's phone " }))
	require.Empty(t, label(func(d *omemo.Listed) { d.Signature[3] ^= 1 }))
	require.Empty(t, label(func(d *omemo.Listed) { d.Signature = nil }))
	require.Empty(t, label(func(d *omemo.Listed) { d.Label = "" }))
	require.Equal(t, "Bob's phone", label(func(*omemo.Listed) {}))
}
