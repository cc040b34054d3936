package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// PasswordConfig says how passwords are hashed with argon2id. A zero field is replaced by its default.
type PasswordConfig struct {
	Memory     int64         // bytes that one hash takes: 32 MiB
	Passes     int           // over the memory: 3
	Threads    int           // of one hash: 1
	Concurrent int           // hashes at once, so that sign-ins cannot eat the machine: 2
	Wait       time.Duration // for a turn: 5 s
}

func (c *PasswordConfig) setDefaults() {
	if c.Memory == 0 {
		c.Memory = 32 << 20
	}
	if c.Passes == 0 {
		c.Passes = 3
	}
	if c.Threads == 0 {
		c.Threads = 1
	}
	if c.Concurrent == 0 {
		c.Concurrent = 2
	}
	if c.Wait == 0 {
		c.Wait = 5 * time.Second
	}
}

// Bounds of what is hashed and with what. A stored hash beyond them is refused: it was not made here.
const (
	MinPassword = 12  // characters
	MaxPassword = 256 // bytes
	maxMemory   = 1 << 30
	maxPasses   = 100
	maxThreads  = 16
	saltLen     = 16
	hashLen     = 32
)

// Validate reports every problem.
func (c PasswordConfig) Validate() error {
	c.setDefaults()
	var errs []error
	between := func(key string, v, low, high int64) {
		if v < low || v > high {
			errs = append(errs, fmt.Errorf("sign_in.%s is %d, want %d to %d", key, v, low, high))
		}
	}
	between("password_memory (bytes)", c.Memory, 8<<20, maxMemory)
	between("password_passes", int64(c.Passes), 1, maxPasses)
	between("password_threads", int64(c.Threads), 1, maxThreads)
	between("password_concurrent", int64(c.Concurrent), 1, 64)
	return errors.Join(errs...)
}

// Passwords hashes and checks passwords, a bounded number at once. It is safe for concurrent use.
type Passwords struct {
	cfg   PasswordConfig
	turns chan struct{}
	// dummy is checked when there is no user, so that it takes as long as with one.
	dummy string
}

// ErrPasswordBusy says that no turn came in time.
var ErrPasswordBusy = errors.New("too many sign-ins at once")

// NewPasswords returns Passwords.
func NewPasswords(cfg PasswordConfig) (*Passwords, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := &Passwords{cfg: cfg, turns: make(chan struct{}, cfg.Concurrent)}
	p.dummy = p.format(make([]byte, saltLen), make([]byte, hashLen))
	return p, nil
}

// Check is CheckPassword.
func (p *Passwords) Check(password, email string) string { return CheckPassword(password, email) }

// CheckPassword says what is wrong with a password that somebody chose; empty if nothing is.
func CheckPassword(password, email string) string {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return fmt.Sprintf("it must have at least %d characters", MinPassword)
	case len(password) > MaxPassword:
		return fmt.Sprintf("it must have at most %d bytes", MaxPassword)
	case strings.Trim(password, string([]rune(password)[:1])) == "":
		return "it must not be one character repeated"
	case email != "" && strings.EqualFold(password, email):
		return "it must not be the email address"
	}
	return ""
}

func (p *Passwords) turn(ctx context.Context) error {
	t := time.NewTimer(p.cfg.Wait)
	defer t.Stop()
	select {
	case p.turns <- struct{}{}:
		return nil
	case <-t.C:
		return ErrPasswordBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Hash returns the hash that is stored of a password, in the PHC string format.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxPassword {
		return "", fmt.Errorf("auth: a password has at most %d bytes", MaxPassword)
	}
	if err := p.turn(ctx); err != nil {
		return "", err
	}
	defer func() { <-p.turns }()
	salt := make([]byte, saltLen)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("auth: random: %w", err)
	}
	return p.format(salt, argon2.IDKey([]byte(password), salt, uint32(p.cfg.Passes), uint32(p.cfg.Memory>>10), uint8(p.cfg.Threads), hashLen)), nil
}

func (p *Passwords) format(salt, hash []byte) string {
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.cfg.Memory>>10, p.cfg.Passes, p.cfg.Threads, enc(salt), enc(hash))
}

// Verify says whether stored is a hash of the password. An empty stored stands for nobody: it takes the usual time and is false.
func (p *Passwords) Verify(ctx context.Context, stored, password string) (bool, error) {
	nobody := stored == ""
	if nobody {
		stored = p.dummy
	}
	h, err := parsePHC(stored)
	if err != nil {
		return false, err
	}
	if len(password) > MaxPassword {
		password, nobody = "", true
	}
	if err := p.turn(ctx); err != nil {
		return false, err
	}
	defer func() { <-p.turns }()
	got := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, uint32(len(h.hash)))
	return subtle.ConstantTimeCompare(got, h.hash) == 1 && !nobody, nil
}

type phc struct {
	memory, passes uint32 // memory in KiB
	threads        uint8
	salt, hash     []byte
}

// parsePHC reads $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func parsePHC(s string) (phc, error) {
	bad := func(why string) (phc, error) {
		return phc{}, fmt.Errorf("auth: the stored hash of a password cannot be used: %s", why)
	}
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad("it is not argon2id of this version")
	}
	var memory, passes, threads uint32
	if n, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); n != 3 || err != nil || part[3] != fmt.Sprintf("m=%d,t=%d,p=%d", memory, passes, threads) {
		return bad("its parameters cannot be read")
	}
	if memory < 8 || memory > maxMemory>>10 || passes < 1 || passes > maxPasses || threads < 1 || threads > maxThreads {
		return bad("its parameters are out of bounds")
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(part[4])
	hash, err2 := base64.RawStdEncoding.DecodeString(part[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(salt) > 64 || len(hash) < 16 || len(hash) > 64 {
		return bad("its salt or its value cannot be read")
	}
	return phc{memory, passes, uint8(threads), salt, hash}, nil
}
