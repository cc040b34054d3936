package report

import (
	"context"
	"crypto/rand"
	"maps"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/tenant"
	"weir/internal/token"
	"weir/internal/usage"
)

// Data knows where a tenant's rows stand.
type Data interface {
	// DataVersion rises whenever what the tenant can see changes; settled says that no such change is under way.
	DataVersion(t tenant.ID) (version uint64, settled bool)
	// Snapshot names what can be seen, Acknowledged what was acknowledged until now.
	Snapshot(t tenant.ID) token.Token
	Acknowledged(t tenant.ID) token.Token
	// WaitVisibleTo returns nil when all of the tenant's rows up to the token can be seen, or the error of ctx.
	WaitVisibleTo(ctx context.Context, t tenant.ID, to token.Token) error
}

// Cache keeps answers until a tenant's data changes.
type Cache interface {
	// Load and Store find and keep a value at one version of the tenant's data.
	Load(t tenant.ID, key [32]byte, version uint64) (any, bool)
	Store(t tenant.ID, key [32]byte, version uint64, value any, bytes int)
	// Share lets one caller at a time run a question, and gives its answer to those who asked before it began.
	Share(ctx context.Context, t tenant.ID, key [32]byte, run func() (value any, shared bool)) (any, error)
}

// Streams runs statements whose answer is read in a format of the caller's choice. *clickhouse.Client does.
type Streams interface {
	Query(ctx context.Context, s clickhouse.Statement) (*clickhouse.Result, error)
}

// Texts says whether no event of the tenant that can be seen has a number as the property.
type Texts func(t tenant.ID, property string) bool

// Positions says how far rows have come.
type Positions interface {
	rollup.Positions
	// Committed is the last _seq of each writer whose rows can be seen.
	Committed() (main, late uint64)
}

// Deps are what a Reporter works with. The first four must be set.
type Deps struct {
	Engine    Engine
	Sources   Sources
	Clock     Clock
	Positions Positions
	Streams   Streams                        // nil: there are no funnels
	Merges    Merges                         // nil: no merge can be undone
	Links     Linker                         // nil: links are looked for in every answer about persons
	Sessions  SessionDays                    // nil: every tenant has the default timeout, and no day is stitched
	Watcher   clickhouse.Watcher             // nil: cancelled statements are charged for what is known when they are
	Data      Data                           // nil: no answer is kept, no source is strong
	Texts     Texts                          // nil: every property may hold numbers, and both maps of properties are read
	Unseen    Unseen                         // nil: a property that no event has had is never refused
	Cache     Cache                          // nil: no answer is kept
	Strong    func(tenant.ID) bool           // whether a tenant's reports wait for what was acknowledged before them; nil: none
	Masks     func(tenant.ID) []catalog.Mask // nil: no column is masked
	Health    Health                         // nil: there is no data health
	Objects   Objects                        // nil: nothing is saved
	Gate      usage.Gate                     // nil: everything is admitted at once
	Sink      usage.Sink                     // nil: nobody is told
	Pricer    usage.Pricer                   // nil: amounts are 0
}

type tuningKey struct{}

// withTuning passes the ticket's settings on to the statements of a question.
func withTuning(ctx context.Context, settings map[string]string) context.Context {
	return context.WithValue(ctx, tuningKey{}, settings)
}

func tuningOf(ctx context.Context) map[string]string {
	s, _ := ctx.Value(tuningKey{}).(map[string]string)
	return s
}

func merged(base, over map[string]string) map[string]string {
	all := maps.Clone(base)
	maps.Copy(all, over)
	return all
}

func queryID() string { return rand.Text() }
