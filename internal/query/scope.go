package query

import (
	"time"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/lookup"
	"weir/internal/tenant"
	"weir/internal/token"
)

// Scope says for whom a statement is checked, and what it may see.
type Scope struct {
	Tenant tenant.ID
	// All lets an operator see the rows of all tenants: events has the column `tenant` then. Tenant is not used.
	All bool
	// Gone are tenants whose rows All does not show: they are deleted, and their data is being removed.
	Gone []tenant.ID
	// Properties become typed columns of events. For All: those that all tenants have in common. They are best sorted by name.
	Properties []event.Property
	// LeftOut says whether the tenant's events have names of properties beyond those that there is room for: they are no columns. It is asked when a name is refused. nil: they have not.
	LeftOut func() bool
	// Lookups are the tenant's lookup tables, by name. Masks do not touch them.
	Lookups []lookup.Table
	// Masks hold for the caller's role; whoever fills them has chosen those.
	Masks []catalog.Mask
	// MaskKey is the installation's secret behind MaskHash. Each tenant's hashes use a key of their own, made of it.
	MaskKey []byte
	// AsOf, if not nil, shows only the rows up to its offsets. Of a partition that it does not name, nothing is seen: an
	// answer that is to be had again must not depend on what came later.
	AsOf token.Token
	// RollupsFromEvents computes rollups from the events: where it is not known how far their tables have come. Otherwise the statement has a parameter
	// for each position (positionParams).
	RollupsFromEvents bool
	// Params are the values of typed placeholders; they are used for the bounds of ts (Checked.From, To) only.
	Params map[string]string
	// Metadata allows the relations that tools read: system.tables, information_schema.columns and so on.
	Metadata bool
	// Database is the database of metadata in which names of relations that are none of the scope's own are looked up, system or information_schema; empty: the
	// scope's own database alone.
	Database string
	// CompactDescribe leaves of the columns of DESCRIBE only name and type.
	CompactDescribe bool
	// AnyFormat also allows the binary formats of the ClickHouse protocol behind FORMAT.
	AnyFormat bool
}

// Kind is the kind of a statement.
type Kind string

// The kinds of statements.
const (
	KindSelect   Kind = "select"
	KindShow     Kind = "show"     // SHOW, EXISTS
	KindDescribe Kind = "describe" // DESCRIBE
	KindExplain  Kind = "explain"
)

// Checked is a statement that the guard has let through.
type Checked struct {
	SQL    string // what to run
	Format string // the format that the statement itself names at its end, or ""
	Kind   Kind
	// Shape is the hash of the statement without its literals, 16 hex digits. ShapeText is that text, cut at maxShapeText bytes.
	Shape, ShapeText string
	// Columns are the columns of weir.events that the statement reads, by name; more rather than fewer.
	Columns []string
	// From and To bound the ts that the statement can see, as far as that can be told from its conditions; zero: not known.
	From, To    time.Time
	ReadsEvents bool
	// Rollups are those that the statement reads.
	Rollups []string
	// Sessions says that the statement reads sessions: it has the parameters of sessionParams.
	Sessions bool
	// Lookups are the lookup tables that the statement reads, in the version that it was written for.
	Lookups []lookup.Table
	// Nested says that an expression holds a query, as in IN (SELECT …): the engine runs it before it knows what the statement reads.
	Nested bool
	// Texts are the properties whose names occur in the statement and that are text, by name.
	Texts []string
	// Volatile says that the answer depends on the clock or on chance: now(), rand(), generateUUIDv4().
	Volatile bool
}
