package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

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
	if grew := (peakMemory(t, e) - before) >> 20; grew > 1300 { // a copy would be 400 more
		t.Errorf("the engine's process grew by %d MB", grew)
	} else {
		t.Logf("the engine's process grew by %d MB", grew)
	}
}

// TestTextBeyondMemory: an answer of 1 MB of values is 60 GB of text, which the library makes in one call and of which no limit of a statement knows. Its statement fails; the engine goes on.
// What runs beside it may be told that the engine's memory is used up, and nothing else.
func TestTextBeyondMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system has no limit of a process's memory")
	}
	cfg := testConfig(t)
	cfg.Engine.MemoryLimit = 1 << 30
	e := startEngine(t, cfg)
	c := e.Client()
	mustExec(t, c, "SELECT 1")
	pid := e.PID()
	for _, format := range []string{"TSV", "JSON", "Vertical", "JSONColumns"} {
		stop, beside := make(chan struct{}), make(chan error, 1)
		go func() { beside <- askUntil(c, stop) }()
		_, err := c.Exec(ctx, clickhouse.Statement{SQL: "SELECT toLowCardinality(repeat('x', 1000000)) AS a FROM numbers(60000)", Format: format, Settings: map[string]string{"max_memory_usage": "100000000"}})
		close(stop)
		var ee *clickhouse.Error
		if !errors.As(err, &ee) || !ee.EngineMemory() {
			t.Errorf("%s: answered %v", format, err)
		}
		if err := <-beside; err != nil {
			t.Errorf("%s: a statement beside it: %v", format, err)
		}
	}
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) { // until the text's memory is given back
		_, err := c.Exec(ctx, clickhouse.Statement{SQL: "SELECT 1"})
		if err == nil {
			break
		}
		var ee *clickhouse.Error
		if !errors.As(err, &ee) || !ee.EngineMemory() || time.Since(begun) > time.Minute {
			t.Fatal(err)
		}
	}
	if e.PID() != pid {
		t.Error("the engine was started anew")
	}
	if peak, most := peakMemory(t, e), cfg.Engine.hardLimit(); peak > most*3/2 { // files that it has mapped are not its own, and what is mapped is had a moment later
		t.Errorf("the engine's process had %d MB, want at most %d", peak>>20, most>>20)
	} else {
		t.Logf("the engine's process had %d MB", peak>>20)
	}
}

// askUntil asks something small again and again.
func askUntil(c *clickhouse.Client, stop chan struct{}) error {
	for {
		_, err := c.Exec(ctx, clickhouse.Statement{SQL: "SELECT sum(sipHash64(number)) FROM numbers(100000)"})
		var ee *clickhouse.Error
		if err != nil && (!errors.As(err, &ee) || !ee.EngineMemory()) {
			return err
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}
