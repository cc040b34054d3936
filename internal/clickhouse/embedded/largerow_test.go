package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"weir/internal/clickhouse"
)

// peakMemory is the most memory that the engine's process ever had, in bytes.
func peakMemory(t *testing.T, e *Engine) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.PID()))
	if err != nil {
		t.Skip("the system does not tell the memory of processes: ", err)
	}
	_, peak, _ := strings.Cut(string(text), "VmHWM:")
	kb, err := strconv.ParseInt(strings.Fields(peak)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// TestLargeRow: a row of 259 MB of text is handed on as it is. The engine needs 240 MB for the array and some 400 for the text as it grows; each copy of ours would be 259 more, of which no limit of a statement knows.
func TestLargeRow(t *testing.T) {
	e := startEngine(t, testConfig(t))
	c := e.Client()
	mustExec(t, c, "SELECT 1")
	before := peakMemory(t, e)
	res, err := c.Query(ctx, clickhouse.Statement{SQL: "SELECT range(30000000)", Format: "TSV"})
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || res.Body.Close() != nil || n != 258_888_892 {
		t.Errorf("the row has %d bytes, %v; want 258888892", n, err)
	}
	if grew := (peakMemory(t, e) - before) >> 20; grew > 800 {
		t.Errorf("the engine's process grew by %d MB", grew)
	} else {
		t.Logf("the engine's process grew by %d MB", grew)
	}
}

// TestTooLargeInOne: an answer that is made in one and is too large is refused without a copy of it. Its 400 MB of text take the library 800 MB to 1 GB as they grow, of which no limit of the statement knows; a copy would be 400 more.
func TestTooLargeInOne(t *testing.T) {
	cfg := testConfig(t)
	cfg.Engine.MaxBuffered = 1 << 20
	e := startEngine(t, cfg)
	c := e.Client()
	mustExec(t, c, "SELECT 1")
	before := peakMemory(t, e)
	_, err := c.Exec(ctx, clickhouse.Statement{SQL: "SELECT toLowCardinality(repeat('x', 1000000)) AS a FROM numbers(400)", Format: "Vertical"})
	var ee *clickhouse.Error
	if !errors.As(err, &ee) || ee.Code != clickhouse.CodeTooManyRowsOrBytes || !strings.Contains(ee.Message, "1048576 bytes") {
		t.Errorf("answered %v", err)
	}
	if grew := (peakMemory(t, e) - before) >> 20; grew > 1150 {
		t.Errorf("the engine's process grew by %d MB", grew)
	} else {
		t.Logf("the engine's process grew by %d MB", grew)
	}
}
