package session

import (
	"fmt"
	"testing"
	"time"
)

// TestSpans cuts spans of minutes by others.
func TestSpans(t *testing.T) {
	spans := func(minutes ...int64) (out []Span) {
		for i := 0; i < len(minutes); i += 2 {
			out = append(out, Span{time.Unix(60*minutes[i], 0).UTC(), time.Unix(60*minutes[i+1], 0).UTC()})
		}
		return out
	}
	for _, c := range []struct{ spans, others, without, common []Span }{
		{spans(0, 10), nil, spans(0, 10), nil},
		{nil, spans(0, 10), nil, nil},
		{spans(0, 10), spans(0, 10), nil, spans(0, 10)},
		{spans(0, 10), spans(-5, 15), nil, spans(0, 10)},
		{spans(0, 10), spans(3, 5), spans(0, 3, 5, 10), spans(3, 5)},
		{spans(0, 10), spans(0, 5), spans(5, 10), spans(0, 5)},
		{spans(0, 10), spans(5, 10), spans(0, 5), spans(5, 10)},
		{spans(0, 10), spans(10, 20), spans(0, 10), nil},
		{spans(0, 10), spans(-9, 0), spans(0, 10), nil},
		{spans(0, 10, 20, 30), spans(5, 25), spans(0, 5, 25, 30), spans(5, 10, 20, 25)},
		{spans(0, 10, 20, 30), spans(1, 2, 4, 6, 9, 21), spans(0, 1, 2, 4, 6, 9, 21, 30), spans(1, 2, 4, 6, 9, 10, 20, 21)},
	} {
		if got := without(c.spans, c.others); fmt.Sprint(got) != fmt.Sprint(c.without) {
			t.Errorf("%v without %v: %v, want %v", c.spans, c.others, got, c.without)
		}
		if got := common(c.spans, c.others); fmt.Sprint(got) != fmt.Sprint(c.common) {
			t.Errorf("%v in %v: %v, want %v", c.spans, c.others, got, c.common)
		}
	}
}
