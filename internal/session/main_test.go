package session_test

import (
	"testing"

	"weir/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.Checks(10)
	testkit.Main(m)
}
