package importer

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"weir/internal/client"
	"weir/internal/problem"
)

// batch is the events of consecutive lines: one request.
type batch struct {
	seq   int   // from 0
	last  int64 // the last line that it covers, rejected ones included
	body  []byte
	items []item
	raw   []byte // the lines as they were read, for examples

	rejected int64 // of the lines that it covers; its sender adds those that the server rejects
}

type item struct {
	line             int64
	bodyEnd, rawEnd  int
	bodyFrom, rawPos int
}

func (b *batch) add(l line, bodyFrom int) {
	pos := len(b.raw)
	b.raw = append(b.raw, l.text[:min(len(l.text), exampleBytes)]...)
	b.items = append(b.items, item{line: l.number, bodyFrom: bodyFrom, bodyEnd: len(b.body), rawPos: pos, rawEnd: len(b.raw)})
}

// importOne imports one input.
func (m *importer) importOne(ctx context.Context, in Input, shift int64, bar *meter) error {
	src, err := openSource(in, m.o.LineBytes)
	if err != nil {
		return err
	}
	bar.begin(src)
	prefix, err := src.prefix()
	if err != nil {
		return errors.Join(err, src.Close())
	}
	m.tally.file()
	entry := find(m.ledger, m.o.Format, prefix)
	if len(prefix) > 0 {
		err = m.importLines(ctx, src, in, entry, shift)
	}
	bar.end(src)
	return errors.Join(err, src.Close())
}

// importLines reads, sends and remembers what is not done yet.
func (m *importer) importLines(ctx context.Context, src *source, in Input, entry client.ImportEntry, shift int64) error {
	if entry.Lines == 0 && entry.PrefixLen < prefixBytes {
		// A short file is known by what it is now. It must be known so before the first event is sent, for when the import breaks off and the file grows.
		if err := m.o.Client.AdvanceImport(ctx, m.o.SiteID, entry); err != nil {
			return fmt.Errorf("enter the file into the import ledger: %w", err)
		}
	}
	m.tally.rejectedBefore(entry.Rejected)
	place := &place{m: m, entry: entry, written: entry.Lines, done: map[int]*batch{}, last: time.Now()}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(m.o.InFlight)
	p := &producer{m: m, in: in, shift: shift, id: []byte("imp-" + entry.File[:16] + "-")}
	readErr := p.read(gctx, src, entry.Lines, func(b *batch) {
		group.Go(func() error {
			if err := m.send(gctx, in, b); err != nil {
				return err
			}
			return place.finish(gctx, b)
		})
	})
	err := errors.Join(readErr, group.Wait())
	// What was acknowledged is remembered, also when the import was broken off.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if ferr := place.flush(end); ferr != nil {
		err = errors.Join(err, ferr)
	}
	remember(&m.ledger, place.entry)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return fmt.Errorf("stopped after line %d; start it again to go on: %w", place.entry.Lines, ctx.Err())
	}
	return err
}

// producer turns lines into batches.
type producer struct {
	m     *importer
	in    Input
	shift int64
	id    []byte
	seq   int
	b     *batch
}

func (p *producer) read(ctx context.Context, src *source, done int64, emit func(*batch)) error {
	p.b = &batch{last: done}
	prefixLen := len(p.id)
	for ctx.Err() == nil {
		l, err := src.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			p.flush(emit)
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("line %d: the compressed content ends too early: the file is cut off; what is whole before is imported, and an import of the whole file goes on there: %w", src.number+1, err)
			}
			return fmt.Errorf("line %d: %w", src.number+1, err)
		}
		if l.number <= done {
			p.m.tally.skip()
			continue
		}
		if l.tooLong {
			p.b.rejected++
			p.m.tally.reject(p.in.Name, l.number, l.text, rejection{"line_too_long", "", fmt.Sprintf("the line is longer than %d bytes (line-bytes)", p.m.o.LineBytes)})
			p.b.last = l.number
			continue
		}
		from := len(p.b.body)
		p.id = strconv.AppendInt(p.id[:prefixLen], l.number, 10)
		body, ok, rej := p.m.render.appendEvent(p.b.body, l.text, p.id, p.shift)
		switch {
		case rej != nil && l.open: // perhaps still being written
			p.m.tally.incomplete(p.in.Name, l.number)
			p.flush(emit)
			return nil
		case rej != nil:
			p.b.rejected++
			p.m.tally.reject(p.in.Name, l.number, l.text, *rej)
		case ok:
			p.b.body = append(body, '\n')
			p.b.add(l, from)
		default:
			p.m.tally.blank()
		}
		p.b.last = l.number
		if len(p.b.items) >= p.m.o.BatchEvents || len(p.b.body) >= p.m.o.BatchBytes {
			p.flush(emit)
		}
	}
	p.flush(emit)
	return nil
}

func (p *producer) flush(emit func(*batch)) {
	b := p.b
	p.seq++
	p.b = &batch{seq: p.seq, last: b.last, body: make([]byte, 0, cap(b.body)), raw: make([]byte, 0, cap(b.raw)), items: make([]item, 0, cap(b.items))}
	emit(b)
}

// place is a file's place in the ledger while it is imported.
type place struct {
	m *importer

	mu      sync.Mutex
	entry   client.ImportEntry
	written int64          // lines that the ledger knows
	next    int            // the first batch that is not done
	done    map[int]*batch // those that are done out of order
	last    time.Time      // of the last advance
}

// finish notes that b is acknowledged and advances the ledger over all batches without a gap, not more often than every LedgerEvery.
func (p *place) finish(ctx context.Context, b *batch) error {
	p.mu.Lock()
	b.body, b.raw, b.items = nil, nil, nil
	p.done[b.seq] = b
	for {
		d, ok := p.done[p.next]
		if !ok {
			break
		}
		delete(p.done, p.next)
		p.entry.Lines = max(p.entry.Lines, d.last)
		p.entry.Rejected += d.rejected
		p.next++
	}
	due := p.entry.Lines > p.written && time.Since(p.last) >= p.m.o.LedgerEvery
	if due {
		p.last = time.Now()
	}
	p.mu.Unlock()
	if due {
		return p.flush(ctx)
	}
	return nil
}

// flush tells the ledger how far the file is done.
func (p *place) flush(ctx context.Context) error {
	p.mu.Lock()
	e := p.entry
	ahead := e.Lines > p.written
	p.mu.Unlock()
	if !ahead {
		return nil
	}
	if err := p.m.o.Client.AdvanceImport(ctx, p.m.o.SiteID, e); err != nil {
		return fmt.Errorf("advance the import ledger to line %d: %w", e.Lines, err)
	}
	p.mu.Lock()
	p.written = max(p.written, e.Lines)
	p.mu.Unlock()
	return nil
}

// send sends one batch. If the server finds the body too large, or refuses it as a whole, halves of it are sent, so that
// one event does not cost the others; a single event that is refused is a rejected line.
func (m *importer) send(ctx context.Context, in Input, b *batch) error {
	return m.sendItems(ctx, in, b, b.items)
}

func (m *importer) sendItems(ctx context.Context, in Input, b *batch, items []item) error {
	if len(items) == 0 {
		return nil
	}
	body, err := compress(m.o.Compression, b.body[items[0].bodyFrom:items[len(items)-1].bodyEnd])
	if err != nil {
		return err
	}
	res, err := m.o.Client.Ingest(ctx, body, client.IngestOptions{ContentEncoding: encodingHeader(m.o.Compression), Import: true, SiteID: m.o.SiteID})
	var p *problem.Problem
	if errors.As(err, &p) && (p.Status == http.StatusRequestEntityTooLarge || p.Status == http.StatusBadRequest || p.Status == http.StatusUnprocessableEntity) {
		if len(items) == 1 {
			b.rejected++
			m.tally.reject(in.Name, items[0].line, b.raw[items[0].rawPos:items[0].rawEnd], rejection{p.Code, p.Field, p.Detail})
			return nil
		}
		half := len(items) / 2
		if err := m.sendItems(ctx, in, b, items[:half]); err != nil {
			return err
		}
		return m.sendItems(ctx, in, b, items[half:])
	}
	if err != nil {
		return fmt.Errorf("send lines %d to %d: %w", items[0].line, items[len(items)-1].line, err)
	}
	if n := res.Accepted + len(res.Rejected) + res.Unlisted; n != len(items) {
		return fmt.Errorf("send lines %d to %d: the server answered for %d events of %d", items[0].line, items[len(items)-1].line, n, len(items))
	}
	b.rejected += int64(len(res.Rejected) + res.Unlisted)
	for range res.Unlisted {
		m.tally.reject(in.Name, items[0].line, nil, rejection{"unlisted", "", "the server's list of rejected events was too long for these"})
	}
	for _, r := range res.Rejected {
		if r.Index < 0 || r.Index >= len(items) {
			return fmt.Errorf("the server rejected event %d of %d", r.Index, len(items))
		}
		it := items[r.Index]
		m.tally.reject(in.Name, it.line, b.raw[it.rawPos:it.rawEnd], rejection{r.Code, r.Field, r.Message})
	}
	m.tally.accept(res.Accepted)
	return nil
}

func encodingHeader(c string) string {
	if c == CompressNone {
		return ""
	}
	return c
}

var zstdEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
})

func compress(kind string, body []byte) ([]byte, error) {
	switch kind {
	case CompressZstd:
		e, err := zstdEncoder()
		if err != nil {
			return nil, fmt.Errorf("start zstd: %w", err)
		}
		return e.EncodeAll(body, make([]byte, 0, len(body)/4)), nil
	case CompressGzip:
		var buf bytes.Buffer
		z, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
		if err == nil {
			_, err = z.Write(body)
		}
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
		return buf.Bytes(), nil
	}
	return body, nil
}
