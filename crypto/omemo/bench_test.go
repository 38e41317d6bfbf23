// SPDX-License-Identifier: MPL-2.0

package omemo_test

import (
	"fmt"
	"testing"
)

func BenchmarkEncrypt(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			w := newWorld(b)
			a := w.client(alice)
			for range n {
				w.client(bob)
			}
			w.sync()
			a.fetch(bob)
			text, jids := make([]byte, 1000), []string{bob}
			b.ReportAllocs()
			for b.Loop() {
				env, _, err := a.Encrypt(a.ctx, a.st, text, jids)
				if err != nil || len(env.Keys) != n {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecrypt(b *testing.B) {
	_, x, y := pair(b)
	env := x.send("hello", bob)
	st := y.st
	b.ReportAllocs()
	for b.Loop() {
		y.st = st.Clone()
		if _, err := y.Decrypt(y.ctx, y.st, alice, env); err != nil {
			b.Fatal(err)
		}
	}
}
