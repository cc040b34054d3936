// Package usage is the contract of measured work: who caused it, what it used, what it was expected to use, and the
// records in which it is told. Components that do work (doors, queries, reports, the processor) tell it to a Sink; the
// metering keeps it, and the admission learns from it.
package usage

import (
	"time"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// Kind is what the work was for.
type Kind string

// The kinds of work.
const (
	KindIngest  Kind = "ingest"  // a door: reading, decoding, enriching, appending
	KindProcess Kind = "process" // deduplicating and inserting
	KindQuery   Kind = "query"   // SQL, of either door
	KindReport  Kind = "report"
	KindCache   Kind = "cache" // an answer from the result cache
	KindJob     Kind = "job"
	KindRollup  Kind = "rollup"
	KindMerge   Kind = "merge"
	KindStorage Kind = "storage" // bytes kept, as byte-seconds
	KindControl Kind = "control" // the control API
)

// Subject is who caused work. Source, User and Shape are empty where they are not known.
type Subject struct {
	Tenant tenant.ID // empty: the installation itself
	Source string    // site_id
	User   string    // tenant.Principal.Actor
	Role   tenant.Role
	Shape  string // of a query: the hash of its normalised text, 16 hex digits
}

// Record is work that was done. Zero fields were not used.
type Record struct {
	Subject
	Kind Kind
	At   time.Time // when it ended
	// CPU is user and system time of all threads, of this process and of the engine.
	CPU           time.Duration
	MemorySeconds float64 // byte-seconds
	BytesScanned  uint64  // uncompressed, from hot storage
	BytesCold     uint64  // the same from the lake
	RowsRead      uint64
	BytesIn       uint64  // of request bodies
	BytesOut      uint64  // of answers
	Events        uint64  // taken or stored
	ByteSeconds   float64 // of storage
	Count         uint64  // of requests; 0 counts as 1
	// Partial says that the work was cut off before its end: it is charged, but nobody learns from it what the whole costs.
	Partial bool
}

// Sink takes records. Record does not block and is safe for concurrent use.
type Sink interface {
	Record(r Record)
}

// Cost is what work cost, as it stands in answers.
type Cost struct {
	Amount      float64  `json:"amount"` // in Currency
	Currency    string   `json:"currency"`
	CPUSeconds  float64  `json:"cpu_seconds"`
	MemoryBytes uint64   `json:"memory_bytes"`
	RowsRead    uint64   `json:"rows_read"`
	BytesRead   uint64   `json:"bytes_read"`
	Remaining   *float64 `json:"budget_remaining,omitempty"` // of the tenant's budget of this month; absent without a budget
}

// Pricer prices work by the price book.
type Pricer interface {
	// Price returns the amount and the currency.
	Price(r Record) (amount float64, currency string)
	// Remaining returns what is left of the tenant's budget, and false when it has none.
	Remaining(t tenant.ID) (float64, bool)
}

// CostOf prices work by p; nil knows no prices. memory is that at the peak, in bytes.
func CostOf(p Pricer, r Record, memory uint64) Cost {
	c := Cost{CPUSeconds: r.CPU.Seconds(), MemoryBytes: memory, RowsRead: r.RowsRead, BytesRead: r.BytesScanned}
	if p != nil {
		c.Amount, c.Currency = p.Price(r)
		if left, ok := p.Remaining(r.Tenant); ok {
			c.Remaining = &left
		}
	}
	return c
}

// Class is how expensive a query is: cheap below 1 s of CPU, expensive above 10 s.
type Class string

// The classes.
const (
	Cheap     Class = "cheap"
	Medium    Class = "medium"
	Expensive Class = "expensive"
)

// Question is what is known of a query before it runs.
type Question struct {
	Subject
	Kind    Kind
	Columns []string  // of the events table that it reads
	From    time.Time // bounds of ts that it reads within; zero: none
	To      time.Time
	// MaxCost and MaxBytes refuse the query before it reads; zero: no bound.
	MaxCost  float64
	MaxBytes uint64
	// Measured, if set, is what the engine itself expects (EXPLAIN), and is taken instead of the statistics.
	Measured *Estimate
	// Waiting, if set, is told how to learn what the query waits for, before it waits for its turn. What it is told may be called at any time: it says nil
	// when the query does not wait (any more).
	Waiting func(ask func() *Wait)
}

// Wait is what a query waits for.
type Wait struct {
	Limit string    // its name
	Value int64     // the limit
	Why   string    // for people
	Until time.Time // when there is room, as far as is known now; zero: not known
}

// Estimate is what a query is expected to use.
type Estimate struct {
	Rows    uint64        `json:"rows"`
	Bytes   uint64        `json:"bytes"` // uncompressed
	CPU     time.Duration `json:"-"`
	Class   Class         `json:"class"`
	Amount  float64       `json:"amount"`
	Learned bool          `json:"learned"` // CPU comes from earlier runs of the same shape, not from Bytes alone
}

// Gate admits queries: it estimates, refuses what is over a limit, and lets the rest wait for its turn.
type Gate interface {
	Estimate(q Question) Estimate
	// Admit returns a ticket, or a problem that names limit, value and retry time. The error of ctx while waiting is a problem of status 499.
	Admit(q Question, done <-chan struct{}) (Ticket, *problem.Problem)
}

// Reserve is what a door holds of a tenant's limits while it works on a request.
type Reserve struct {
	Taken         bool  // false: nothing is held
	Length        int64 // of the body on the wire; negative: not known
	Held          int64 // bytes in work
	Events, Bytes int64 // tokens
}

// Tuned is implemented by tickets that also say how the engine must run the query, so that it is fair to the others. Whoever
// runs it adds the settings to the statement's own, over which they go. The map is shared: it must not be changed.
type Tuned interface {
	Settings() map[string]string
}

// Ticket is the right to run one query. Done must be called once, with what was measured; it gives the place back.
type Ticket interface {
	Waited() time.Duration
	Done(r Record)
}
