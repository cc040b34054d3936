package event

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"pgregory.net/rapid"
)

// TestNativeBlockByPieces: however a block is read, its bytes are the same.
func TestNativeBlockByPieces(t *testing.T) {
	seq := make(proto.ColUInt64, 100_000)
	large := NewBatch() // columns of more than one piece
	web := webRows(1000, 20)
	for i := range seq {
		large.Append(&web[i%len(web)])
	}
	rapid.Check(t, func(t *rapid.T) {
		b, extra := large, []Extra{{"_seq", &seq}}
		if rapid.Bool().Draw(t, "small") {
			b, extra = batchOf(drawRows(t)), nil
		}
		var want bytes.Buffer
		if _, err := io.Copy(&want, b.Native(extra...)); err != nil {
			t.Fatal(err)
		}
		block := b.Native(extra...)
		begin := make([]byte, rapid.IntRange(0, 1<<20).Draw(t, "read first"))
		n, err := io.ReadFull(iotest.HalfReader(block), begin)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		got := bytes.NewBuffer(begin[:n])
		if _, err := io.Copy(got, block); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want.Bytes(), got.Bytes()) {
			t.Fatalf("%d bytes in pieces, %d bytes at once, or others", got.Len(), want.Len())
		}
	})
}

// TestNativeBlockReleased: after Release nobody reads the batch, also not who is in the middle of it.
func TestNativeBlockReleased(t *testing.T) {
	b := batchOf(webRows(100, 20))
	block := b.Native()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := block.WriteTo(w)
		done <- err
	}()
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	go func() { block.Release(); close(released) }()
	select {
	case <-released:
		t.Fatal("released while it was written")
	case <-time.After(20 * time.Millisecond):
	}
	r.CloseWithError(io.ErrClosedPipe) // as a connection that breaks
	<-released
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the writer's error is %v", err)
	}
	b.Reset()
	if _, err := block.Read(make([]byte, 1)); !errors.Is(err, errReleased) {
		t.Errorf("read after it: %v", err)
	}
	if _, err := block.WriteTo(io.Discard); !errors.Is(err, errReleased) {
		t.Errorf("written after it: %v", err)
	}
}
