package cli

import (
	"bytes"
	"strings"
	"testing"
)

// TestMended: a command line with a plain mistake is answered with what to type.
func TestMended(t *testing.T) {
	for line, says := range map[string]string{
		"limits acme":   "write `weir limits --tenant acme`",
		"tenant show":   "It is written `weir tenant show <id>",
		"mask set acme": "`weir mask set --help` says more",
		"limts":         "weir COMMAND --help",
	} {
		var out, err bytes.Buffer
		if code := Main(t.Context(), &Process{Args: strings.Fields(line), Out: &out, Err: &err}); code != exitUsage || !strings.Contains(err.String(), says) {
			t.Errorf("weir %s: %d %s", line, code, err.String())
		}
	}
}
