package enrich

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestMay: what is looked for before the finders never hides what they would find.
func TestMay(t *testing.T) {
	part := rapid.OneOf(rapid.SampledFrom([]string{"jane@example.com", "jane%40example.com", "jane%2540example.com", "4111 1111 1111 1111", "4111111111111111", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlc2lnbmF0dXJl", "/", " ", "4", "%40", "eyJ"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		s := []byte(strings.Join(rapid.SliceOfN(part, 0, 5).Draw(t, "parts"), ""))
		found, cards := clues(s)
		for name, f := range map[string]struct {
			find func([]byte, int) (int, int, bool)
			may  bool
		}{"email": {findEmail, found.mayBeEmail(s)}, "card": {findCard, cards}, "token": {findJWT, found&clueJ != 0}} {
			if _, _, ok := f.find(s, 0); ok && !f.may {
				t.Errorf("%q has an %s, and is not looked at", s, name)
			}
		}
	})
	for name := range secretProperties {
		for _, n := range []string{name, strings.ToUpper(name)} {
			if do, kind := (&policy{token: mask}).ofProperty([]byte(n)); do != mask || kind != kindToken {
				t.Errorf("%q is no secret", n)
			}
		}
	}
	for name, channel := range clickIDs {
		x := redaction{p: &policy{}}
		if _, click := x.url([]byte("https://a.example/?a=1&" + name + "=x&utm_source=y")); click != channel {
			t.Errorf("%s: %q, want %q", name, click, channel)
		}
	}
}
