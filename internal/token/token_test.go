package token

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pairs []Pair
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			pairs = append(pairs, Pair{rapid.Uint16().Draw(t, "p"), rapid.Uint64().Draw(t, "o")})
		}
		tok := Token(nil).Merge(pairs...)
		seen := map[uint16]uint64{}
		for _, p := range pairs {
			seen[p.Partition] = max(seen[p.Partition], p.Offset)
		}
		if len(seen) != len(tok) {
			t.Fatalf("%d partitions became %d", len(seen), len(tok))
		}
		for i, p := range tok {
			if seen[p.Partition] != p.Offset || i > 0 && tok[i-1].Partition >= p.Partition {
				t.Fatalf("merge of %v gave %v", pairs, tok)
			}
		}
		back, err := Parse(tok.String())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]Pair(tok), []Pair(back)); len(tok) > 0 && d != "" {
			t.Fatal(d)
		}
	})
}

func TestText(t *testing.T) {
	// These texts are in the hands of clients: they must be readable for ever.
	for text, want := range map[string]Token{
		"AQ":                  {},
		"AQAA":                {{0, 0}},
		"AQMqAAE":             {{3, 42}, {4, 1}},
		"Af__A____________wE": {{65535, math.MaxUint64}},
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", text, d)
		}
		if got.String() != text {
			t.Errorf("%v is written as %s, not %s", got, got.String(), text)
		}
	}
}

func TestBad(t *testing.T) {
	for _, s := range []string{"", "A", "!!", "AQ==", "Ag", "AQA", "AQCA", "AQCAAA", "Af__BAA", "AYAAAA"} {
		if tok, err := Parse(s); !errors.Is(err, ErrBad) {
			t.Errorf("Parse(%q) = %v, %v", s, tok, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AQMqAAE")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := Parse(s)
		if err != nil {
			return
		}
		if tok.String() != s {
			t.Fatalf("%q parses to %v, which is written %q", s, tok, tok.String())
		}
	})
}
