package chport

import (
	"testing"

	"weir/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
