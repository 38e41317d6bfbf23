// SPDX-License-Identifier: MPL-2.0

package ratchet_test

import (
	"testing"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
	"github.com/confab-im/confab/crypto/ratchet"
)

func TestConformance(t *testing.T) { enginetest.Run(t, ratchet.New()) }

func FuzzEngine03(f *testing.F) { enginetest.Fuzz(f, ratchet.New(), engine.Profile03) }

func FuzzEngine2(f *testing.F) { enginetest.Fuzz(f, ratchet.New(), engine.Profile2) }
