// SPDX-License-Identifier: MPL-2.0

package libsignal_test

import (
	"testing"

	"github.com/confab-im/confab/crypto/engine"
	"github.com/confab-im/confab/crypto/engine/enginetest"
	"github.com/confab-im/confab/crypto/libsignal"
)

func TestConformance(t *testing.T) { enginetest.Run(t, libsignal.New()) }

func FuzzEngine(f *testing.F) { enginetest.Fuzz(f, libsignal.New(), engine.Profile03) }

func BenchmarkEngine(b *testing.B) { enginetest.Benchmark(b, libsignal.New()) }
