package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/rollup"
)

// sample is rows of the events table as the engine itself would write them in JSON, without the columns that are empty.
type sample struct {
	columns []string
	lines   [][]byte // each ends in seqField and a closing brace
}

// seqField ends each line: a number of fixed width, so that a body can be used again for another insert.
const seqField = `,"_writer":1,"_seq":"000000000000"}`

// readSample reads n rows out of the table, at random.
func readSample(ctx context.Context, c *clickhouse.Client, n int) (*sample, error) {
	s := &sample{columns: append(event.NativeColumns(), "_partition", "_offset", "_row", "_writer", "_seq")}
	stored := s.columns[:len(s.columns)-2]
	list := ""
	for _, name := range stored {
		list += name + ", "
	}
	res, err := c.Query(ctx, clickhouse.Statement{
		SQL:      fmt.Sprintf("SELECT %s FROM %s WHERE type != 'weir_probe' ORDER BY cityHash64(event_id) LIMIT %d", list[:len(list)-2], rollup.Events, n),
		Format:   "JSONEachRow",
		Settings: map[string]string{"output_format_json_quote_64bit_integers": "0"},
	})
	if err != nil {
		return nil, fmt.Errorf("read rows of the table: %w", err)
	}
	defer res.Body.Close()
	dec := json.NewDecoder(res.Body)
	dec.UseNumber()
	for dec.More() {
		var row map[string]any
		if err := dec.Decode(&row); err != nil {
			return nil, fmt.Errorf("read rows of the table: %w", err)
		}
		for k, v := range row {
			if empty(v) {
				delete(row, k)
			}
		}
		line, err := json.Marshal(row)
		if err != nil {
			return nil, err
		}
		s.lines = append(s.lines, append(line[:len(line)-1], seqField...))
	}
	if len(s.lines) != n {
		return nil, fmt.Errorf("the table gave %d rows, want %d", len(s.lines), n)
	}
	return s, nil
}

func empty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case bool:
		return !v
	case json.Number:
		return v == "0"
	case map[string]any:
		return len(v) == 0
	}
	return v == nil
}

// body is the text of one insert.
type body struct {
	text []byte
	seqs []int // where the digits of each row's number begin
}

func (s *sample) body() *body {
	b := &body{}
	for _, l := range s.lines {
		b.text = append(b.text, l...)
		b.seqs = append(b.seqs, len(b.text)-len(`000000000000"}`))
		b.text = append(b.text, '\n')
	}
	return b
}

// number gives all rows the number of an insert.
func (b *body) number(seq uint64) {
	digits := fmt.Appendf(nil, "%012d", seq)
	for _, at := range b.seqs {
		copy(b.text[at:], digits)
	}
	if !bytes.HasPrefix(b.text[b.seqs[0]:], digits) {
		panic("the number of an insert has no place in its body")
	}
}
