package weir

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say where events go and what the client may use. Endpoint and WriteKey are required; the zero value of each other field is its default.
//
// The callbacks OnRejected, OnDropped and OnError are called by the goroutine that sends (OnError also by one that syncs the spool): sending waits for them. They may call Track
// (not with Block), but neither Flush nor Close.
type Options struct {
	// Endpoint is the server's address: "https://weir.example", with a path where weir is served below one.
	Endpoint string
	// WriteKey is the write key of a source, or an API key of the role writer.
	WriteKey string
	// Site is the site of events that name none. A source's write key needs none.
	Site string

	// BatchEvents and BatchBytes (before compression) bound a request: 500 events, 512 KiB. At most 10 000 events and 8 MiB.
	BatchEvents, BatchBytes int
	// FlushInterval is how long an event waits for others before it is sent: 1 s. A full batch does not wait.
	FlushInterval time.Duration
	// MaxEventBytes bounds one event: 50 KiB, which is also the server's default.
	MaxEventBytes int

	// QueueEvents and QueueBytes bound the queue in memory, that is sent included: 10 000 events, 16 MiB. They do not count with a Spool.
	QueueEvents, QueueBytes int
	// Block lets Track wait for room in a full queue until its context ends, rather than return ErrQueueFull.
	Block bool

	// Spool is a directory for the queue on disk, made if it is missing; empty: the queue is memory. One client at a time uses a directory: another
	// one gets ErrSpoolInUse, from whatever process.
	Spool string
	// SpoolBytes bounds the files of the spool: 256 MiB, at least 1 MiB.
	SpoolBytes int64
	// Sync says what survives power loss. It does not matter for a process that dies.
	Sync Sync

	// MinBackoff and MaxBackoff bound the pause after a failed attempt: 500 ms doubling to 1 min, less up to half of it by chance.
	MinBackoff, MaxBackoff time.Duration
	// Timeout bounds one attempt: 30 s.
	Timeout time.Duration
	// MaxAge is how long an event may wait in the queue before it is dropped, with ErrExpired told to OnDropped: 6 days. The server knows ids for
	// 7 days; an event that was sent without hearing the answer, and again after that, would be stored twice. Longer is your risk.
	MaxAge time.Duration

	// HTTP does the requests; nil: a client of its own. Redirects are not followed.
	HTTP *http.Client
	// OnRejected is told of each event that the server will never take, and why. The event is gone from the queue.
	OnRejected func(Event, Rejection)
	// OnDropped is told of each event that the client gave up for a reason of its own (ErrExpired).
	OnDropped func(Event, error)
	// OnError is told of each failed attempt that will be repeated, and of faults of the spool.
	OnError func(error)
}

// Sync says when files of the spool are synced to the disk.
type Sync int

const (
	// SyncSecond syncs once a second while events come: power loss takes about the last second.
	SyncSecond Sync = iota
	// SyncEach syncs before Track returns; Tracks that run at once share a sync.
	SyncEach
)

// Rejection is why the server does not take an event: a stable code ("invalid_value", "ts_out_of_range" …), the field, a sentence.
type Rejection struct {
	Code    string `json:"code"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

var (
	// ErrQueueFull is returned by Track when there is no room: the event was not taken.
	ErrQueueFull = errors.New("weir: the queue is full")
	// ErrClosed is returned by Track after Close: the event was not taken.
	ErrClosed = errors.New("weir: the client is closed")
	// ErrTooLarge is returned by Track for an event above Options.MaxEventBytes, or one that could never fit into the queue.
	ErrTooLarge = errors.New("weir: the event is too large")
	// ErrSpoolInUse is returned by New when another client has the spool.
	ErrSpoolInUse = errors.New("weir: the spool is used by another client")
	// ErrExpired is given to OnDropped for events that waited longer than Options.MaxAge.
	ErrExpired = errors.New("weir: the event waited too long")
)

const (
	maxBatchEvents = 10_000  // an answer lists as many rejected events
	maxBatchBytes  = 8 << 20 // below the server's 10 MiB
	minSpoolBytes  = 1 << 20
	maxRetryAfter  = time.Hour // however long a server asks
)

// fill sets defaults and reports everything that is wrong.
func (o *Options) fill() (endpoint string, err error) {
	var errs []error
	u, perr := url.Parse(o.Endpoint)
	switch {
	case perr != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		errs = append(errs, fmt.Errorf("the Endpoint %q is not a URL like https://weir.example", o.Endpoint))
	case u.RawQuery != "" || u.Fragment != "":
		errs = append(errs, fmt.Errorf("the Endpoint %q has a query or a fragment", o.Endpoint))
	default:
		at := u.JoinPath("ingest")
		if o.Site != "" {
			at.RawQuery = url.Values{"site_id": {o.Site}}.Encode()
		}
		endpoint = at.String()
	}
	if o.WriteKey == "" || strings.ContainsFunc(o.WriteKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, errors.New("the WriteKey is empty or has characters that no key has"))
	}
	number(&errs, "BatchEvents", &o.BatchEvents, 500, 1, maxBatchEvents)
	number(&errs, "BatchBytes", &o.BatchBytes, 512<<10, 1, maxBatchBytes)
	number(&errs, "MaxEventBytes", &o.MaxEventBytes, 50<<10, 1, maxBatchBytes)
	number(&errs, "QueueEvents", &o.QueueEvents, 10_000, 1, 1<<30)
	number(&errs, "QueueBytes", &o.QueueBytes, 16<<20, 1, 1<<40)
	number(&errs, "SpoolBytes", &o.SpoolBytes, 256<<20, minSpoolBytes, 1<<50)
	number(&errs, "FlushInterval", &o.FlushInterval, time.Second, 1, 24*time.Hour)
	number(&errs, "MinBackoff", &o.MinBackoff, 500*time.Millisecond, 1, time.Hour)
	number(&errs, "MaxBackoff", &o.MaxBackoff, max(time.Minute, o.MinBackoff), o.MinBackoff, 24*time.Hour)
	number(&errs, "Timeout", &o.Timeout, 30*time.Second, 1, time.Hour)
	number(&errs, "MaxAge", &o.MaxAge, 6*24*time.Hour, 1, 400*24*time.Hour)
	number(&errs, "Sync", &o.Sync, SyncSecond, SyncSecond, SyncEach)
	if err := errors.Join(errs...); err != nil {
		return "", fmt.Errorf("weir: options: %w", err)
	}
	return endpoint, nil
}

// number sets a field that is 0 to its default and reports one outside its bounds.
func number[N ~int | ~int64](errs *[]error, name string, field *N, byDefault, least, most N) {
	if *field == 0 {
		*field = byDefault
	}
	if *field < least || *field > most {
		*errs = append(*errs, fmt.Errorf("%s is %v, not between %v and %v", name, *field, least, most))
	}
}
