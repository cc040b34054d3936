package stream

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/event"
)

func sampleIntent() *intent {
	return &intent{
		Seq: 7, Hash: 1 << 60,
		Spans:    []span{{1, 4, 9}, {0, 2, 3}, {1, 9, 10}},
		Skipped:  []span{{0, 2, 3}},
		Verdicts: []verdict{verdictStore, verdictLate, verdictDuplicate, verdictConflict, verdictFilter, verdictStore},
	}
}

func sampleBlock() *Block {
	b := newBlock()
	for i := range 3 {
		b.Batch.Append(&event.Row{Tenant: "t", Site: "s", TS: int64(i) * 1000, ReceivedAt: 5, Type: []byte("pageview"), EventID: []byte{byte('a' + i)}})
	}
	b.addRefs(2, 77, 3)
	return b
}

func TestIntentRoundTrip(t *testing.T) {
	want := sampleIntent()
	got, err := decodeIntent(want.encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for n := range want.encode() {
		if _, err := decodeIntent(want.encode()[:n]); n < 40 && !errors.Is(err, errIntent) {
			t.Errorf("an intent cut off at %d bytes: %v", n, err)
		}
	}
}

func TestLateRoundTrip(t *testing.T) {
	want := sampleBlock()
	got := newBlock()
	if err := decodeLate(encodeLate(want), got); err != nil {
		t.Fatal(err)
	}
	if got.hash() != want.hash() || !got.Batch.Equal(want.Batch) {
		t.Errorf("rows changed on their way through the late stream: %v %v", got.Offsets, got.Rows)
	}
	if day, err := lateDay(lateKey(-3, 9, 1)); day != -3 || err != nil {
		t.Errorf("day of a late key: %d, %v", day, err)
	}
	if bytes.Compare(lateKey(-3, 9, 1), lateKey(2, 1, 0)) >= 0 {
		t.Error("late keys do not sort by day")
	}
}

func FuzzDecodeIntent(f *testing.F) {
	f.Add(sampleIntent().encode())
	f.Add([]byte{})
	f.Add([]byte{intentVersion, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := decodeIntent(b)
		if err != nil {
			return
		}
		again, err := decodeIntent(in.encode())
		if err != nil || !cmp.Equal(in, again) {
			t.Fatalf("%v, %v", err, cmp.Diff(in, again))
		}
	})
}

func FuzzDecodeLateIntent(f *testing.F) {
	f.Add(encodeLateIntent(3, [][]byte{lateKey(1, 2, 3), lateKey(-1, 2, 0)}))
	f.Add([]byte{intentVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		seq, keys, err := decodeLateIntent(b)
		if err == nil && !bytes.Equal(encodeLateIntent(seq, keys), b) {
			t.Fatalf("%x became %x", b, encodeLateIntent(seq, keys))
		}
	})
}

func FuzzDecodeLate(f *testing.F) {
	f.Add(encodeLate(sampleBlock()))
	f.Add([]byte{lateVersion, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, v []byte) {
		b := newBlock()
		if err := decodeLate(v, b); err != nil {
			return
		}
		if b.Len() != b.Batch.Rows() {
			t.Fatalf("%d origins for %d rows", b.Len(), b.Batch.Rows())
		}
	})
}
