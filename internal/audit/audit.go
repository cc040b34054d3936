// Package audit is the contract of the audit log: who did what, when, from where, with what outcome and at what cost.
// Package chain keeps the entries so that a changed or missing one is found.
package audit

import (
	"context"
	"errors"
	"time"

	"weir/internal/tenant"
)

// The actions that weir itself records beside the operations of the control API, which are named as there ("create-key").
const (
	SignIn    = "sign-in"
	SignOut   = "sign-out"
	Query     = "query"           // SQL, by any door
	Estimate  = "estimate"        // a dry run of SQL; gathered by statement and minute
	Report    = "report"          // gathered by actor, site and minute
	Embed     = "embed"           // a panel shown by a token; gathered like reports
	Export    = "export"          // of the audit log, of costs
	Job       = "create-job"      // that it ran is a query by the door job; delete-job and get-job-result are operations
	Erase     = "audit.erase"     // texts of a tenant were erased
	Retention = "audit.retention" // old entries were removed
)

// OK is the outcome of what succeeded; another outcome is the code of the problem that was answered.
const OK = "ok"

// Entry is one thing that was done or refused. Empty fields do not apply.
type Entry struct {
	Seq     uint64      `json:"seq"` // set when it is recorded: 1, 2, 3, …
	At      time.Time   `json:"at"`  // set when it is recorded, unless it is already
	Tenant  tenant.ID   `json:"tenant,omitempty"`
	Actor   string      `json:"actor,omitempty"` // tenant.Principal.Actor; empty when nobody was authenticated
	Role    tenant.Role `json:"role,omitempty"`
	Action  string      `json:"action"`
	Target  string      `json:"target,omitempty"` // what it was done to: a path, a site, a user's id
	Text    string      `json:"text,omitempty"`   // a statement, or a request's body without secrets
	From    string      `json:"from,omitempty"`   // the address it came from
	Door    string      `json:"door,omitempty"`   // api, clickhouse, job
	Outcome string      `json:"outcome"`
	Request string      `json:"request,omitempty"` // the request's or the query's id
	Count   uint64      `json:"count,omitempty"`   // how often, when several were gathered
	Cost    *Cost       `json:"cost,omitempty"`
	Erased  bool        `json:"erased,omitempty"` // the text is gone; Seq and At are left
}

// Cost is what it cost.
type Cost struct {
	Amount     float64 `json:"amount,omitempty"`
	Currency   string  `json:"currency,omitempty"`
	CPUSeconds float64 `json:"cpu_seconds,omitempty"`
	RowsRead   uint64  `json:"rows_read,omitempty"`
	BytesRead  uint64  `json:"bytes_read,omitempty"`
}

// MaxText is the longest text that an entry keeps, in bytes; a longer one is cut and says so.
const MaxText = 8 << 10

// ErrDamaged says that the log's own files are damaged where something was to be read.
var ErrDamaged = errors.New("the files of the audit log are damaged: run `weir audit verify`")

// Recorder takes entries. It is safe for concurrent use.
type Recorder interface {
	// Append returns when the entry is durable. An error means that it may not be.
	Append(ctx context.Context, e Entry) error
	// Record does not wait: the entry is durable within a second. What cannot be written is logged and counted.
	Record(e Entry)
	// Gather adds to an entry that is recorded at the end of the minute: one for all that differ only in cost, count and request.
	Gather(e Entry)
}

// Cut shortens a text to MaxText.
func Cut(s string) string {
	if len(s) <= MaxText {
		return s
	}
	const mark = " … (cut)"
	s = s[:MaxText-len(mark)]
	for len(s) > 0 && s[len(s)-1]&0xc0 == 0x80 { // not inside of a letter
		s = s[:len(s)-1]
	}
	if len(s) > 0 && s[len(s)-1] >= 0xc0 {
		s = s[:len(s)-1]
	}
	return s + mark
}

// Question selects entries.
type Question struct {
	Tenant   tenant.ID // only this tenant's
	All      bool      // every tenant's and the installation's; Tenant must be empty
	From, To time.Time // From <= At < To; zero: no bound
	Actor    string
	Action   string
	Outcome  string
	Target   string // as a prefix
	Before   uint64 // only entries with a smaller Seq; 0: from the newest on
	Limit    int
}

// Page is an answer: the newest entry first. Next is where the next page begins (as Before); 0 when there is none. A page may be short
// or empty although there is a next one: looking for few entries among many is done in bounded steps.
type Page struct {
	Entries []Entry
	Next    uint64
}

// Head is the end of the chain. Who keeps one elsewhere finds out later whether anything up to it was changed.
type Head struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"` // hex
}

// Finding is something wrong with the log.
type Finding struct {
	Seq    uint64 `json:"seq"`    // of the entry concerned
	Kind   string `json:"kind"`   // missing, changed, reordered, text_missing, text_changed, unlisted, unreadable, truncated, foreign
	Detail string `json:"detail"` // what was found, for people
}

// Verdict is what a verification found.
type Verdict struct {
	OK       bool      `json:"ok"`
	First    uint64    `json:"first"` // the entries that were looked at
	Last     uint64    `json:"last"`
	Erased   uint64    `json:"erased"`   // of them, with an erased text
	Findings []Finding `json:"findings"` // the first hundred
	Head     Head      `json:"head"`
}
