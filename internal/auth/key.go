package auth

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// A key is wk_<letter of its role>_<32 characters>: 160 random bits in base32, lower case. The beginning lets people and
// secret scanners see what it is; nothing but its hash is trusted.
const (
	keyPrefix  = catalog.KeyPrefix
	keyRandom  = 20 // bytes
	keyLetters = 32
)

var keyEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

var roleLetters = map[tenant.Role]byte{
	tenant.RoleWriter: 'w', tenant.RoleViewer: 'v', tenant.RoleAnalyst: 'n', tenant.RoleAdmin: 'a', tenant.RoleOperator: 'o',
}

// NewKey makes a key for a role.
func NewKey(role tenant.Role) (string, error) {
	letter, ok := roleLetters[role]
	if !ok {
		return "", fmt.Errorf("auth: no keys exist for the role %q", role)
	}
	var random [keyRandom]byte
	if _, err := rand.Read(random[:]); err != nil { // never fails on the platforms that weir runs on
		return "", fmt.Errorf("auth: random: %w", err)
	}
	return keyPrefix + string(letter) + "_" + keyEncoding.EncodeToString(random[:]), nil
}

// ErrKeyFormat says that a string does not have the form of a key.
var ErrKeyFormat = errors.New("a key looks like wk_a_ and 32 characters of a-z and 2-7")

// RoleOf tells the role that a key's form claims. It proves nothing: the catalog decides.
func RoleOf(key string) (tenant.Role, error) {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	if !ok || len(rest) != 2+keyLetters || rest[1] != '_' {
		return "", ErrKeyFormat
	}
	if raw, err := keyEncoding.DecodeString(rest[2:]); err != nil || len(raw) != keyRandom {
		return "", ErrKeyFormat
	}
	for role, letter := range roleLetters {
		if rest[0] == letter {
			return role, nil
		}
	}
	return "", ErrKeyFormat
}

// TokenFile is the name of the file in the data directory that holds the operator's token.
const TokenFile = "admin-token"

// OperatorToken returns the token that is configured, else that of dir/admin-token, which it makes with mode 0600 if there is none.
func OperatorToken(dir, configured string) (token string, created bool, err error) {
	if configured != "" {
		return configured, false, nil
	}
	token, err = ReadOperatorToken(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, false, err
	}
	if token, err = NewKey(tenant.RoleOperator); err != nil {
		return "", false, err
	}
	if err := writeToken(dir, token); err != nil {
		return "", false, fmt.Errorf("write the operator's token: %w", err)
	}
	return token, true, nil
}

// ReadOperatorToken reads dir/admin-token. The error is fs.ErrNotExist when there is none.
func ReadOperatorToken(dir string) (string, error) {
	path := filepath.Join(dir, TokenFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the operator's token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("read the operator's token: %s is empty: remove it, and the next start makes a new one", path)
	}
	return token, nil
}

// writeToken writes the file whole or not at all.
func writeToken(dir, token string) (err error) {
	f, err := os.CreateTemp(dir, TokenFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, werr := f.WriteString(token + "\n")
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, TokenFile)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
