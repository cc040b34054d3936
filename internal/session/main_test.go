package session_test

import (
	"flag"
	"testing"

	"weir/internal/testkit"
)

// checks is how often a property is tried by default: each try writes to the engine.
const checks = "10"

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "rapid.checks" })
	if !chosen {
		if err := flag.Set("rapid.checks", checks); err != nil {
			panic(err)
		}
	}
	testkit.Main(m)
}
