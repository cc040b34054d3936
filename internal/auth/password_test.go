package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// fast is for tests only.
var fast = PasswordConfig{Memory: 8 << 20, Passes: 1, Wait: 50 * time.Millisecond}

func passwords(t testing.TB, cfg PasswordConfig) *Passwords {
	t.Helper()
	p, err := NewPasswords(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPasswords(t *testing.T) {
	p := passwords(t, fast)
	h, err := p.Hash(t.Context(), "correct horse")
	if err != nil || !strings.HasPrefix(h, "$argon2id$v=19$m=8192,t=1,p=1$") {
		t.Fatalf("hash is %q, %v", h, err)
	}
	if again, _ := p.Hash(t.Context(), "correct horse"); again == h {
		t.Error("two hashes of one password are equal: there is no salt")
	}
	for _, tc := range []struct {
		stored, password string
		want             bool
	}{
		{h, "correct horse", true}, {h, "correct horsf", false}, {h, "", false}, {h, strings.Repeat("x", MaxPassword+1), false},
		{"", "correct horse", false}, {"", "", false},
	} {
		if ok, err := p.Verify(t.Context(), tc.stored, tc.password); ok != tc.want || err != nil {
			t.Errorf("Verify(%.20q, %.20q) = %v, %v", tc.stored, tc.password, ok, err)
		}
	}
	// A hash that was made with other parameters still works.
	if ok, err := passwords(t, PasswordConfig{Memory: 9 << 20, Passes: 2}).Verify(t.Context(), h, "correct horse"); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if _, err := p.Hash(t.Context(), strings.Repeat("x", MaxPassword+1)); err == nil {
		t.Error("a password without bound is hashed")
	}
}

func TestPasswordTurns(t *testing.T) {
	cfg := fast
	cfg.Concurrent = 1
	p := passwords(t, cfg)
	p.turns <- struct{}{} // somebody else's
	if _, err := p.Verify(t.Context(), "", "x"); !errors.Is(err, ErrPasswordBusy) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-p.turns
	if _, err := p.Hash(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if len(p.turns) != 0 {
		t.Error("a turn is not given back")
	}
}

func TestCheckPassword(t *testing.T) {
	for password, ok := range map[string]bool{"": false, "short": false, "twelve chars": true, strings.Repeat("x", 20): false, "ann@example.com": false, "ANN@example.COM": false,
		strings.Repeat("xy", 200): false, "äöüäöüäöüäöü": true} {
		if got := CheckPassword(password, "ann@example.com"); (got == "") != ok {
			t.Errorf("%q: %q", password, got)
		}
	}
}

func TestPasswordConfig(t *testing.T) {
	for _, bad := range []PasswordConfig{{Memory: 1}, {Memory: 2 << 30}, {Passes: -1}, {Threads: 99}, {Concurrent: 1000}} {
		if _, err := NewPasswords(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// A hash from the store can be anything; it must neither panic nor take unbounded memory.
func FuzzParsePHC(f *testing.F) {
	h, err := passwords(f, fast).Hash(f.Context(), "x")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{h, "", "$$$$$", "$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=-1,t=1,p=1$$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePHC(s)
		if err == nil && (h.memory > maxMemory>>10 || h.passes > maxPasses || h.threads > maxThreads || len(h.hash) < 16) {
			t.Errorf("%q is read as %+v", s, h)
		}
	})
}
