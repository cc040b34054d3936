package session_test

import (
	"fmt"
	"os"
	"testing"

	"weir/internal/testkit"
)

func TestMain(m *testing.M) {
	if testkit.Race { // neither the package nor its tests start a goroutine
		fmt.Println("nothing for the race detector: make test runs these tests")
		os.Exit(0)
	}
	testkit.Checks(10)
	testkit.Main(m)
}
