package usage

import (
	"fmt"
	"testing"

	"weir/internal/tenant"
)

// The oldest texts give way; what is asked about stays.
func TestTextsAreBounded(t *testing.T) {
	s := NewTexts()
	check := func(id tenant.ID, shape, want string) {
		t.Helper()
		if got := s.Of(id, shape); got != want {
			t.Errorf("%s, %s: %q, want %q", id, shape, got, want)
		}
	}
	s.Note("other", "mine", "asked")
	for i := range keptTexts - 1 {
		s.Note("acme", fmt.Sprint(i), "x")
		check("other", "mine", "asked")
	}
	s.Note("acme", "more", "x")
	s.Note("acme", "", "no shape")
	check("acme", "0", "")
	check("acme", "more", "x")
	check("acme", "", "")
	if n := s.kept.Len(); n != keptTexts {
		t.Errorf("%d texts are kept", n)
	}
	s.Forget("acme")
	check("acme", "more", "")
	check("other", "mine", "asked")
}
