// SPDX-License-Identifier: MPL-2.0

package ratchet_test

import (
	"testing"

	"github.com/confab-im/confab/crypto/engine/enginetest"
	"github.com/confab-im/confab/crypto/ratchet"
)

func TestConformance(t *testing.T) { enginetest.Run(t, ratchet.New()) }

func BenchmarkEngine(b *testing.B) { enginetest.Benchmark(b, ratchet.New()) }
