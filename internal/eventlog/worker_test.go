package eventlog

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"weir/internal/event"
)

type noLog struct{ Log }

func (noLog) Partitions() int { return 1 }

// TestEncodeHalves encodes more than a record takes: it is cut, in order, until
// each part fits. The estimate that gathers batches makes this rare.
func TestEncodeHalves(t *testing.T) {
	g, err := NewGatherer(GathererConfig{Log: noLog{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const rows = 10_000
	b, rng, noise := event.NewBatch(), rand.New(rand.NewPCG(1, 1)), make([]byte, 300)
	for i := range rows {
		for j := range noise {
			noise[j] = byte(rng.Uint32())
		}
		b.Append(&event.Row{EventID: fmt.Append(nil, i), URL: noise})
	}
	w := &worker{g: g, p: g.parts[0]}
	records := w.encodeBatch(nil, b)
	if len(records) < 3 {
		t.Fatalf("%d records for 3 MB", len(records))
	}
	out := event.NewBatch()
	for _, r := range records {
		if len(*r) > MaxRecord {
			t.Errorf("record of %d bytes", len(*r))
		}
		if err := out.DecodeRecord(*r); err != nil {
			t.Fatal(err)
		}
	}
	for i := range rows {
		if got := string(out.Str(event.ColEventID, i)); got != fmt.Sprint(i) {
			t.Fatalf("row %d is %q", i, got)
		}
	}
}
