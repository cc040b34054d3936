// Package importer brings files into weir: web server access logs and NDJSON.
//
// An import is idempotent. The identity of a line is the identity of its file (a hash of the file's first
// 4 KB) and its number, and from it comes the event id; the server's ledger remembers for ever how many lines of
// a file are done. So a file imported twice changes nothing, a grown log adds its new lines only, and an
// interrupted import goes on where it was: lines sent again within a second of the break have the ids they had.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"weir/internal/client"
)

// Format names what the lines of a file are.
type Format string

// The formats.
const (
	Combined Format = "combined" // access log of Apache or nginx
	NDJSON   Format = "ndjson"   // one event of /ingest a line
)

// Options say what to import and where. Zero values are replaced by defaults.
type Options struct {
	Client *client.Client
	SiteID string
	Format Format
	Inputs []Input

	BatchEvents int // events in one request, 1000 by default
	BatchBytes  int // bytes of one request before compression, 1 MiB by default
	InFlight    int // requests at once, 4 by default
	LineBytes   int // longest line that is read, 64 KiB by default; a longer one is rejected
	Compression string

	// Salt is what client ids of an access log are hashed with. Empty takes the source's own from the
	// server: the same for each import into that source and known only to those who may write to it.
	Salt []byte
	// BaseURL is put before the paths of an access log, so that events have a host: "https://www.example.com".
	BaseURL string
	// ShiftToNow moves all times so that the last one is now. Every input is then read twice.
	ShiftToNow bool
	Now        func() time.Time

	// LedgerEvery is the least time between two advances of the ledger, 1 s by default.
	LedgerEvery time.Duration
	// Examples is how many lines are kept of each reason to reject, 3 by default.
	Examples int
}

// Compressions of a request's body.
const (
	CompressZstd = "zstd"
	CompressGzip = "gzip"
	CompressNone = "none"
)

func (o *Options) setDefaults() {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.BatchEvents, 1000)
	set(&o.BatchBytes, 1<<20)
	set(&o.InFlight, 4)
	set(&o.LineBytes, 64<<10)
	set(&o.Examples, 3)
	if o.Compression == "" {
		o.Compression = CompressZstd
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LedgerEvery == 0 {
		o.LedgerEvery = time.Second
	}
}

// Validate reports everything that is wrong with o.
func (o *Options) Validate() error {
	var errs []error
	if o.Client == nil {
		errs = append(errs, errors.New("client: missing"))
	}
	if o.SiteID == "" {
		errs = append(errs, errors.New("site-id: missing; it says which source the events belong to"))
	}
	if o.Format != Combined && o.Format != NDJSON {
		errs = append(errs, fmt.Errorf("format: %q is not known; use combined or ndjson", o.Format))
	}
	if len(o.Inputs) == 0 {
		errs = append(errs, errors.New("file: name at least one, or - for the standard input"))
	}
	switch o.Compression {
	case CompressZstd, CompressGzip, CompressNone:
	default:
		errs = append(errs, fmt.Errorf("compression: %q is not known; use zstd, gzip or none", o.Compression))
	}
	for name, v := range map[string]int{"batch-events": o.BatchEvents, "batch-bytes": o.BatchBytes, "in-flight": o.InFlight, "line-bytes": o.LineBytes} {
		if v < 1 {
			errs = append(errs, fmt.Errorf("%s: %d is too small; it must be at least 1", name, v))
		}
	}
	if o.ShiftToNow {
		for _, in := range o.Inputs {
			if in.once {
				errs = append(errs, fmt.Errorf("shift-to-now: %s can be read only once, and shifting reads twice; import a file", in.Name))
			}
		}
	}
	return errors.Join(errs...)
}

// Input is something to import.
type Input struct {
	Name string
	// Open returns the content, plain or compressed with gzip or zstd, and its size in bytes as it is read, 0 if unknown.
	Open func() (io.ReadCloser, int64, error)
	once bool // Open works only once
}

// File is the input of a named file; "-" is stdin.
func File(name string, stdin io.Reader) Input {
	if name == "-" {
		return Input{Name: "standard input", once: true, Open: func() (io.ReadCloser, int64, error) { return io.NopCloser(stdin), 0, nil }}
	}
	return Input{Name: name, Open: func() (io.ReadCloser, int64, error) {
		f, err := os.Open(name)
		if err != nil {
			return nil, 0, err
		}
		st, err := f.Stat()
		if err == nil && st.IsDir() {
			err = fmt.Errorf("%s is a directory; name files", name)
		}
		if err != nil {
			return nil, 0, errors.Join(err, f.Close())
		}
		return f, st.Size(), nil
	}}
}

// Run imports the inputs one after the other and returns what happened to each line, also when it fails or ctx ends.
// Rejected lines are no error. Progress is written to progress: a bar if it is a terminal, else a line every few seconds.
func Run(ctx context.Context, o Options, progress io.Writer) (Summary, error) {
	o.setDefaults()
	if err := o.Validate(); err != nil {
		return Summary{}, err
	}
	began := time.Now()
	m := &importer{o: o, tally: newTally(o.Examples)}
	err := m.run(ctx, progress)
	s := m.tally.summary()
	s.Elapsed = time.Since(began)
	return s, err
}

// importer is one run.
type importer struct {
	o      Options
	tally  *tally
	ledger client.Ledger
	render renderer
}

// renderer turns a line into an event of /ingest.
type renderer interface {
	// appendEvent appends the event to dst. ok is false for a line to be left out silently. id is the
	// event's id unless the line has its own; shift is added to its time, in milliseconds.
	appendEvent(dst, line []byte, id []byte, shift int64) (out []byte, ok bool, rej *rejection)
	// time is the line's time in Unix milliseconds.
	time(line []byte) (int64, bool)
}

func (m *importer) run(ctx context.Context, progress io.Writer) error {
	var err error
	if m.ledger, err = m.o.Client.Imports(ctx, m.o.SiteID); err != nil {
		return fmt.Errorf("read the import ledger of %s: %w", m.o.SiteID, err)
	}
	if m.render, err = m.newRenderer(); err != nil {
		return err
	}
	var shift int64
	if m.o.ShiftToNow {
		if shift, err = m.findShift(ctx); err != nil {
			return err
		}
	}
	bar := newMeter(progress, m.tally, m.o.Inputs)
	defer bar.stop()
	for _, in := range m.o.Inputs {
		if err := m.importOne(ctx, in, shift, bar); err != nil {
			return fmt.Errorf("import %s: %w", in.Name, err)
		}
	}
	return nil
}

func (m *importer) newRenderer() (renderer, error) {
	if m.o.Format == NDJSON {
		return &ndjson{}, nil
	}
	salt := m.o.Salt
	if len(salt) == 0 {
		salt = []byte(m.ledger.Salt)
	}
	if len(salt) == 0 {
		return nil, errors.New("the server gave no salt for the client ids of an access log; give one with --salt, the same for each import into this source")
	}
	return &combined{salt: salt, base: m.o.BaseURL}, nil
}

// findShift reads all inputs for the latest time.
func (m *importer) findShift(ctx context.Context) (int64, error) {
	last, found := int64(0), false
	for _, in := range m.o.Inputs {
		src, err := openSource(in, m.o.LineBytes)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", in.Name, err)
		}
		for {
			line, err := src.next()
			if err == io.EOF || ctx.Err() != nil {
				break
			}
			if err != nil {
				return 0, errors.Join(fmt.Errorf("read %s: %w", in.Name, err), src.Close())
			}
			if ts, ok := m.render.time(line.text); ok && (!found || ts > last) {
				last, found = ts, true
			}
		}
		if err := src.Close(); err != nil {
			return 0, fmt.Errorf("read %s: %w", in.Name, err)
		}
	}
	if !found {
		return 0, ctx.Err()
	}
	return m.o.Now().UnixMilli() - last, ctx.Err()
}
