// SPDX-License-Identifier: MPL-2.0

package enginetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-im/confab/crypto/engine"
)

// Benchmark measures one engine, see [Compare].
func Benchmark(b *testing.B, e engine.Engine) {
	b.Helper()
	Compare(b, e)
}

// Compare measures engines side by side for every profile of the first one, with
// the session read from bytes and written to bytes in every operation, as a
// store needs it. In the end it prints a table with the first engine's speed as
// a multiple of the last one's. For that the engines take turns and the shortest
// time of each counts, so that it means something on a busy machine too.
func Compare(b *testing.B, engines ...engine.Engine) {
	b.Helper()
	require.NotEmpty(b, engines)
	for _, p := range engines[0].Profiles() {
		ran := false
		b.Run(p.String(), func(b *testing.B) {
			for _, c := range benchmarks {
				b.Run("op="+strings.ReplaceAll(c.name, " ", "-"), func(b *testing.B) {
					for _, e := range speaking(p, engines) {
						b.Run("engine="+e.Name(), func(b *testing.B) {
							op := c.make(b, e, p)
							b.ReportAllocs()
							for b.Loop() {
								op()
							}
							ran = true
						})
					}
				})
			}
		})
		if ran {
			fmt.Println(table(b, p, speaking(p, engines)))
		}
	}
}

func speaking(p engine.Profile, engines []engine.Engine) (out []engine.Engine) {
	for _, e := range engines {
		if slices.Contains(e.Profiles(), p) {
			out = append(out, e)
		}
	}
	return out
}

// table measures once more and sets the engines side by side.
func table(t testing.TB, p engine.Profile, engines []engine.Engine) string {
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "\n%s\t", p)
	for _, e := range engines {
		_, _ = fmt.Fprintf(w, "%s\tallocs\t", e.Name())
	}
	compared := len(engines) > 1
	if compared {
		_, _ = fmt.Fprint(w, "times as fast")
	}
	_, _ = fmt.Fprintln(w)
	for _, c := range benchmarks {
		var ops []func()
		for _, e := range engines {
			ops = append(ops, c.make(t, e, p))
		}
		took := shortest(ops)
		_, _ = fmt.Fprintf(w, "%s\t", c.name)
		for i, op := range ops {
			_, _ = fmt.Fprintf(w, "%.1f µs\t%.0f\t", float64(took[i].Nanoseconds())/1000, testing.AllocsPerRun(1, op))
		}
		if compared {
			_, _ = fmt.Fprintf(w, "%.1f", float64(took[len(took)-1])/float64(took[0]))
		}
		_, _ = fmt.Fprintln(w)
	}
	_ = w.Flush()
	return out.String()
}

// shortest is the least time each operation took in many short turns.
func shortest(ops []func()) []time.Duration {
	const turns, turn = 30, time.Millisecond
	least := make([]time.Duration, len(ops))
	for range turns {
		for i, op := range ops {
			n, start := 0, time.Now()
			for n == 0 || time.Since(start) < turn {
				op()
				n++
			}
			if took := time.Since(start) / time.Duration(n); least[i] == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	return least
}

// benchmarks are the operations. Each does the same thing over and over.
var benchmarks = []struct {
	name string
	make func(testing.TB, engine.Engine, engine.Profile) func()
}{
	{"initiate and encrypt", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		x, bundle := NewParty(t, e, p, 1), NewParty(t, e, p, 2).Bundle()
		return func() {
			s, err := e.Initiate(p, x.Identity, bundle)
			must(t, err)
			_, _, _, err = e.Encrypt(s, content)
			must(t, err)
		}
	}},
	{"accept", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		x, y := NewParty(t, e, p, 1), NewParty(t, e, p, 2)
		kex, _ := x.Initiate(t, y).Encrypt(t, "x")
		return func() {
			_, _, err := e.Accept(p, y.Identity, y.Signed, y.OneTime, kex)
			must(t, err)
		}
	}},
	{"encrypt and decrypt", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		alice, bob := Pair(t, e, p)
		wire, _ := alice.Encrypt(t, "the turn is made")
		bob.Decrypt(t, wire)
		a, b := alice.State, bob.State
		return func() {
			var wire []byte
			var err error
			a, wire, _, err = e.Encrypt(a, content)
			must(t, err)
			b, _, err = e.Decrypt(b, wire)
			must(t, err)
		}
	}},
	{"encrypt", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		alice, _ := Pair(t, e, p)
		alice.Encrypt(t, "the turn is made")
		s := alice.State
		return func() {
			var err error
			s, _, _, err = e.Encrypt(s, content)
			must(t, err)
		}
	}},
	{"decrypt", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		alice, bob := Pair(t, e, p)
		wire, _ := alice.Encrypt(t, "new chain")
		bob.Decrypt(t, wire)
		return decryptor(t, e, bob.State, alice)
	}},
	{"turn and answer", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		alice, bob := Pair(t, e, p)
		wire, _ := alice.Encrypt(t, "new chain")
		return func() {
			s, _, err := e.Decrypt(bob.State, wire)
			must(t, err)
			_, _, _, err = e.Encrypt(s, content)
			must(t, err)
		}
	}},
	{"decrypt with 1000 stored", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		alice, bob := Pair(t, e, p)
		for range engine.MaxSkip {
			alice.Encrypt(t, "skipped")
		}
		wire, _ := alice.Encrypt(t, "x")
		bob.Decrypt(t, wire)
		return decryptor(t, e, bob.State, alice)
	}},
	{"refuse forged", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		alice, bob := Pair(t, e, p)
		wire, _ := alice.Encrypt(t, "x")
		bob.Decrypt(t, wire)
		return refuser(t, e, bob, alice)
	}},
	{"refuse forged 1000 ahead", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		alice, bob := Pair(t, e, p)
		wire, _ := alice.Encrypt(t, "x")
		bob.Decrypt(t, wire)
		for range engine.MaxSkip {
			alice.Encrypt(t, "skipped")
		}
		return refuser(t, e, bob, alice)
	}},
	{"refuse forged new chain", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		alice, bob := Pair(t, e, p)
		return refuser(t, e, bob, alice)
	}},
	{"refuse new chain 1000 ahead", func(t testing.TB, e engine.Engine, p engine.Profile) func() {
		alice, bob := Pair(t, e, p)
		for range engine.MaxSkip {
			alice.Encrypt(t, "skipped")
		}
		return refuser(t, e, bob, alice)
	}},
}

// content is as large as what OMEMO 0.3 encrypts.
var content = make([]byte, 32)

func must(t testing.TB, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// decryptor decrypts the next message again and again.
func decryptor(t testing.TB, e engine.Engine, s engine.State, from *Session) func() {
	wire, _ := from.Encrypt(t, string(content))
	return func() {
		_, _, err := e.Decrypt(s, wire)
		must(t, err)
	}
}

// refuser refuses the next message, whose last bit is another.
func refuser(t testing.TB, e engine.Engine, to, from *Session) func() {
	wire, _ := from.Encrypt(t, string(content))
	forged := bytes.Clone(wire)
	forged[len(forged)-1] ^= 1
	s := slices.Clone(to.State)
	return func() {
		if _, _, err := e.Decrypt(s, forged); err == nil {
			t.Fatal("a forged message was accepted")
		}
	}
}
