package usage

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/internal/tenant"
)

// labelsNow returns the labels of running goroutines as the goroutine profile shows them.
func labelsNow(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLabel(t *testing.T) {
	end := Label(context.Background(), Query, "acme")
	if got := labelsNow(t); !strings.Contains(got, `"tenant":"acme"`) || !strings.Contains(got, `"component":"query"`) {
		t.Errorf("no labels in\n%s", got)
	}
	inherited := make(chan string)
	go func() { inherited <- labelsNow(t) }()
	if got := <-inherited; strings.Count(got, `"tenant":"acme"`) < 1 {
		t.Errorf("a started goroutine has none:\n%s", got)
	}
	end()
	got := labelsNow(t)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); { // the goroutine above may still be on its way out
		if !strings.Contains(got, `"tenant":"acme"`) {
			return
		}
		time.Sleep(time.Millisecond)
		got = labelsNow(t)
	}
	t.Errorf("labels stay:\n%s", got)
}

func TestLabelsAreBounded(t *testing.T) {
	for i := range maxLabels + 10 {
		labelled(labelKey{Door, tenant.ID("t" + strconv.Itoa(i))})
	}
	if n := labelCount.Load(); n > maxLabels {
		t.Errorf("%d sets of labels are kept, want at most %d", n, maxLabels)
	}
}

func BenchmarkLabel(b *testing.B) {
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		Label(ctx, Door, "acme")()
	}
}
