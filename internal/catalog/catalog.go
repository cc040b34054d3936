// Package catalog is the contract of the metadata catalog: tenants, their
// sources, keys, users and sessions, what lookup tables they have, what their users saved, and the import ledger. Package sqlite implements it on one machine.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/internal/event"
	"weir/internal/lookup"
	"weir/internal/tenant"
)

// Tenant is a customer of the installation.
type Tenant struct {
	ID         tenant.ID
	Number     uint32 // small, never reused; stands for the tenant in keys of the state store
	Name       string
	Region     string
	Retention  time.Duration // zero: for ever
	Limits     Limits
	Policy     Policy
	Partitions Range // the tenant's range of log partitions
	Created    time.Time
	Deleted    time.Time // zero while it lives
	// Suspended is since when it takes no events and answers no questions, and SuspendedFor why; zero: it does.
	Suspended    time.Time
	SuspendedFor string
}

// Limits are a tenant's limits; zero means no limit (for Weight: 1). A changed limit holds from the next request on.
type Limits struct {
	DedupeKeys int64 `json:"dedupe_keys,omitempty"` // remembered event ids
	EventBytes int64 `json:"event_bytes,omitempty"` // of one event

	EventsPerSecond int64 `json:"events_per_second,omitempty"` // of all doors
	BytesPerSecond  int64 `json:"bytes_per_second,omitempty"`  // of request bodies, after decompression
	BurstSeconds    int64 `json:"burst_seconds,omitempty"`     // how many seconds' worth may come at once; 0: 5

	Queries             int64 `json:"queries,omitempty"`           // that run at once
	ExpensiveQueries    int64 `json:"expensive_queries,omitempty"` // of these, of the class expensive
	CPUSecondsPerMinute int64 `json:"cpu_seconds_per_minute,omitempty"`
	CPUSecondsPerHour   int64 `json:"cpu_seconds_per_hour,omitempty"`
	ScanBytesPerHour    int64 `json:"scan_bytes_per_hour,omitempty"`
	ResultBytes         int64 `json:"result_bytes,omitempty"` // of one answer
	Weight              int64 `json:"weight,omitempty"`       // share of the machine among tenants that wait
}

// Policy is what a tenant decides about its data and its money.
type Policy struct {
	Masks  []Mask `json:"masks,omitempty"`
	Budget Budget `json:"budget,omitzero"`
	// SessionTimeout is how long a visitor may pause within a session; 0: as by default.
	SessionTimeout time.Duration `json:"session_timeout,omitempty"`
}

// Mask hides a column of `events`, or a property, from roles.
type Mask struct {
	Column string        `json:"column"` // a column, or a property's name
	Roles  []tenant.Role `json:"roles"`  // those that do not see it: viewer, analyst
	Action string        `json:"action"` // MaskHide or MaskHash
	// Property says that Column, which is the name of a column too, means the property alone.
	Property bool `json:"property,omitempty"`
}

// maskProps is what a name begins with that means a property, whatever columns there are.
const maskProps = "props."

// ReadMaskName reads a name as people write it, into the Column and Property of a Mask. What Name returns is read as the same mask.
func ReadMaskName(written string) (column string, property bool) {
	column, said := strings.CutPrefix(written, maskProps)
	return column, said && slices.ContainsFunc(event.Columns, func(c event.Column) bool { return c.Visible && c.Name == column })
}

// Name is the name of what is masked, as it is shown: a property that is named like a column, or that looks like one with props., has props. before it.
func (m Mask) Name() string {
	if m.Property || strings.HasPrefix(m.Column, maskProps) {
		return maskProps + m.Column
	}
	return m.Column
}

// Holds says whether a mask holds for a role: one of Roles, or one that may read less than one of them. What an analyst does not see must not be shown
// by what viewers see: an analyst can make an embed, which is a viewer.
func (m Mask) Holds(r tenant.Role) bool {
	return slices.ContainsFunc(m.Roles, func(hidden tenant.Role) bool { return hidden.CanRead(r) })
}

// propPreviousID is the property in which alias and identify events hold an id of a person.
const propPreviousID = "previous_id"

// AllMasks are masks and what follows from them: what hides an id of a person hides it in such events, too. Whoever shows data goes by these.
func AllMasks(masks []Mask) []Mask {
	all := masks
	for _, m := range masks {
		if !m.Property && (m.Column == "user_id" || m.Column == "client_id") {
			all = append(all[:len(all):len(all)], Mask{Column: propPreviousID, Roles: m.Roles, Action: m.Action})
		}
	}
	return all
}

// The actions of a Mask.
const (
	MaskHide = "hide" // the value is empty or NULL
	MaskHash = "hash" // the value is a keyed hash: equal values stay equal
)

// Budget is what a tenant may cost in a calendar month (UTC).
type Budget struct {
	Amount  float64 `json:"amount,omitempty"` // in the price book's currency; 0: no budget
	Action  string  `json:"action,omitempty"` // at 100 %: BudgetNotify (also when empty), BudgetThrottle or BudgetBlock
	Webhook string  `json:"webhook,omitempty"`
}

// The actions of a Budget. None of them touches ingest.
const (
	BudgetNotify   = "notify"
	BudgetThrottle = "throttle" // its queries come last and one at a time
	BudgetBlock    = "block"    // ad-hoc queries are refused; reports go on
)

// Range is a range of log partitions: Count partitions from First on, modulo the log's number. Epoch rises when it changes.
type Range struct {
	First, Count uint16
	Epoch        uint32
}

// Source is a site, an app or a device fleet that sends events.
type Source struct {
	Tenant    tenant.ID
	ID        string // unique within the tenant
	SiteID    string // public, unique in the installation
	Name      string
	Aliases   []string // foreign ids (a domain, an app id): unique in the installation
	Hostnames []string // allowed hostnames of a browser's Origin, of which HostOf is the host; empty allows all
	TimeZone  string   // IANA name, UTC by default
	FirstDay  int      // first day of the week, 1 = Monday by default
	Strong    bool     // queries of the tenant wait for what was acknowledged before them
	Privacy   *Privacy // nil: the defaults. It is shared: a change sets another one
	Created   time.Time
}

// HostOf is the host of one of a source's hostnames, in lower case: without a port, and without the brackets of an IPv6 address.
func HostOf(hostname string) string {
	hostname = strings.ToLower(hostname)
	if inside, ok := strings.CutPrefix(hostname, "["); ok {
		hostname, _, _ = strings.Cut(inside, "]")
		return hostname
	}
	host, port, _ := strings.Cut(hostname, ":")
	if strings.Contains(port, ":") { // an IPv6 address without brackets, which can have no port
		return hostname
	}
	return host
}

// Key is an API key. The secret itself is never stored.
type Key struct {
	ID      string
	Tenant  tenant.ID // empty: a key of an operator, with that role
	Role    tenant.Role
	Site    string // set on a source's write key
	Name    string
	Hash    [32]byte // SHA-256 of the secret
	Created time.Time
	Expires time.Time // zero: never
	// Successor is the id of the key that replaces it, which may be deleted since; empty: it was not rotated.
	Successor string
}

// KeyPrefix is what every key begins with that weir makes.
const KeyPrefix = "wk_"

// LooksLikeKey says whether a name is written like a key, alone or behind a colon (some clients send id:key). No source may be called so: names are
// public, and who has another's key as a name would get what is sent with it.
func LooksLikeKey(name string) bool {
	return strings.HasPrefix(name, KeyPrefix) || strings.Contains(name, ":"+KeyPrefix)
}

// KeyUse is when a key was last used.
type KeyUse struct {
	Tenant tenant.ID
	ID     string
	At     time.Time
}

// User is somebody who signs in with a password.
type User struct {
	Tenant   tenant.ID // empty: an operator, with that role
	ID       string    // unique in the installation
	Role     tenant.Role
	Name     string
	Email    string // unique among the users of the tenant, whatever the case of its letters
	Password string // its hash, in the PHC string format; empty: nobody can sign in with it
	Created  time.Time
}

// LocalUser is how a user of the catalog is named as an actor and in sessions.
func LocalUser(id string) string { return "local:" + id }

// Session is a browser that is signed in. The secret itself is never stored.
type Session struct {
	Hash    [32]byte    // SHA-256 of the secret
	Tenant  tenant.ID   // empty: an operator
	User    string      // "local:<id>" or "oidc:<subject>"
	Role    tenant.Role // that it was made with
	Name    string      // of the user, for people
	Created time.Time
	Seen    time.Time // last use that was noted
	Expires time.Time
}

// Catalog stores metadata. All methods may be called at once. A change is durable when the method returns.
// Errors: ErrNotFound, ErrExists (with what exists, as a *Conflict), ErrKeyAsName and ErrRetired (so too), ErrInUse, ErrFull, *Rotated; others are failures of the store.
//
// An error of a change function is returned as it is and nothing changes. What identifies a thing stays whatever a
// change function does: a tenant's ID, Number, Created and Deleted, a source's Tenant, ID, SiteID and Created. When
// a change moves Partitions, its Epoch rises by one.
type Catalog interface {
	CreateTenant(ctx context.Context, t Tenant) (Tenant, error) // fills Number, Partitions (unless set), Created
	Tenant(ctx context.Context, id tenant.ID) (Tenant, error)
	Tenants(ctx context.Context) ([]Tenant, error) // living ones, by id
	UpdateTenant(ctx context.Context, id tenant.ID, change func(*Tenant) error) (Tenant, error)
	DeleteTenant(ctx context.Context, id tenant.ID) error // hides it at once; id, number and the names of its sources stay taken

	// CreateSource creates a source with its write key, in one transaction. Names are unique in the installation, whatever the case of their letters where
	// another tenant has them; they are found as they are written. With a source or a tenant its names are deleted but not free: until a source of the same
	// tenant has one again, and for ever when the tenant is deleted, they are ErrRetired to others. An alias that UpdateSource removes is free. A new name (the SiteID, an alias) that is somebody's key, or looks like
	// one, is ErrKeyAsName, here and in UpdateSource; the error does not tell which.
	CreateSource(ctx context.Context, s Source, write Key) (Source, error)
	Source(ctx context.Context, t tenant.ID, id string) (Source, error)
	Sources(ctx context.Context, t tenant.ID) ([]Source, error)
	UpdateSource(ctx context.Context, t tenant.ID, id string, change func(*Source) error) (Source, error)
	DeleteSource(ctx context.Context, t tenant.ID, id string) error // with its keys, saved objects and undone merges
	// RetiredName finds whose deleted source had a name: a living tenant's, or, empty, a deleted one's. ErrNotFound: the name is not retired.
	RetiredName(ctx context.Context, name string) (tenant.ID, error)
	ReleaseName(ctx context.Context, name string) error // makes a retired name free to all. ErrNotFound: it is not retired

	// Keys of operators belong to the empty tenant, and only they have the role operator.
	CreateKey(ctx context.Context, k Key) (Key, error)
	Keys(ctx context.Context, t tenant.ID) ([]Key, error)
	// RotateKey creates next as the successor of a key, with its role, site and, unless next has one, its name; the old one
	// expires at until, unless it does so earlier. Both happen or neither. A key whose successor still exists is not rotated again: *Rotated.
	RotateKey(ctx context.Context, t tenant.ID, id string, next Key, until time.Time) (Key, error)
	DeleteKey(ctx context.Context, t tenant.ID, id string) error
	NoteKeyUses(ctx context.Context, uses []KeyUse) error // never moves a time back; unknown keys are ignored
	KeyUses(ctx context.Context, t tenant.ID) (map[string]time.Time, error)

	// Users of operators belong to the empty tenant, and only they have the role operator. The sessions of a user end when the user is
	// deleted, or gets another role or password.
	CreateUser(ctx context.Context, u User) (User, error) // fills ID and Created
	User(ctx context.Context, t tenant.ID, id string) (User, error)
	Users(ctx context.Context, t tenant.ID) ([]User, error)                                         // by id
	UpdateUser(ctx context.Context, t tenant.ID, id string, change func(*User) error) (User, error) // Tenant, ID and Created stay
	DeleteUser(ctx context.Context, t tenant.ID, id string) error

	CreateSession(ctx context.Context, s Session) error
	Session(ctx context.Context, hash [32]byte) (Session, error) // ErrNotFound also for one of a deleted tenant; the caller compares Expires
	TouchSession(ctx context.Context, hash [32]byte, seen, expires time.Time) error
	DeleteSession(ctx context.Context, hash [32]byte) error // nil if there is none
	DeleteSessions(ctx context.Context, t tenant.ID, user string) (int, error)
	ForgetSessions(ctx context.Context, expiredBefore time.Time) (int, error)

	// Hot path: answered from memory, current within a second of a change by another process and at once in this one.
	// Slices of the answer are shared: read them, do not write to them. What belongs to a deleted tenant is not found.
	// A key that has expired is found: the caller compares Expires. An operator's key comes with the zero Tenant.
	SourceBySite(siteOrAlias string) (Source, Tenant, bool)
	KeyByHash(hash [32]byte) (Key, Tenant, bool)
	TenantByID(id tenant.ID) (Tenant, bool)
	TenantByNumber(number uint32) (Tenant, bool)
	// UserByEmail finds a tenant's user; without a tenant, an operator.
	UserByEmail(t tenant.ID, email string) (User, bool)
	UserByID(t tenant.ID, id string) (User, bool)
	// HasUsers says whether there is any user at all, of a tenant or an operator.
	HasUsers() bool

	// PutLookup makes a version of a lookup table the current one, and returns the one that it replaces (the zero Table if there was none). Updated is filled.
	// ErrFull when the table is new and the tenant has most of them already.
	PutLookup(ctx context.Context, t lookup.Table, most int) (put, replaced lookup.Table, err error)
	DeleteLookup(ctx context.Context, t tenant.ID, name string) (lookup.Table, error) // the deleted one
	// Lookups are the tenant's tables, by name; none of a deleted tenant. It belongs to the hot path below.
	Lookups(t tenant.ID) []lookup.Table

	SavedObjects
	Merges

	// Imports remembers how far files were imported, for ever.
	Imports(ctx context.Context, t tenant.ID, site string) ([]Import, error)
	Import(ctx context.Context, t tenant.ID, site, file string) (Import, error) // ErrNotFound if never seen
	AdvanceImport(ctx context.Context, im Import) error                         // never moves Lines or Rejected back

	// Setting and SetSetting keep small values of the installation (its id, its secrets).
	Setting(ctx context.Context, name string) (string, error)
	SetSetting(ctx context.Context, name, value string) error

	Close() error
}

// Import is a file's place in the import ledger.
type Import struct {
	Tenant    tenant.ID
	Site      string
	File      string // hex SHA-256 of the file's first PrefixLen bytes, and of the format's name
	PrefixLen int    // 4096, or the file's length when it was first seen if that was less
	Lines     int64  // lines done, from the start of the file, accepted or rejected
	Rejected  int64  // of these, rejected
	Updated   time.Time
}

// Conflict says which name cannot be had. It wraps ErrExists, ErrInUse, ErrRetired or ErrKeyAsName.
type Conflict struct {
	Field string // the field of the request: id, site_id, aliases, key, email, name
	Value string // the name that is taken, empty for a secret
	Err   error
}

func (c *Conflict) Error() string {
	if c.Value == "" {
		return fmt.Sprintf("%s %v", c.Field, c.Err)
	}
	return fmt.Sprintf("%s %q %v", c.Field, c.Value, c.Err)
}

// Unwrap returns the sentinel.
func (c *Conflict) Unwrap() error { return c.Err }

// Rotated says that a key has been rotated already, and its successor exists.
type Rotated struct {
	Key       string
	Successor string
	Until     time.Time // when the key expires
}

func (r *Rotated) Error() string {
	return fmt.Sprintf("key %q has been rotated already: %q replaces it, and it works until %s", r.Key, r.Successor, r.Until.Format(time.RFC3339))
}

// Errors of a Catalog.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrInUse    = errors.New("in use")
	// ErrUsed says that an id was that of a tenant that was deleted, and is not given again.
	ErrUsed = errors.New("was the id of a tenant that was deleted, and is not given again")
	ErrFull = errors.New("no more fit")
	// ErrRetired says that a name was that of a source that was deleted, and is not given to another tenant.
	ErrRetired = errors.New("was the name of a source that was deleted, and is not given to another tenant")
	// ErrKeyAsName says that the name of a source is a key, or looks like one.
	ErrKeyAsName = errors.New("must not look like a key")
)
