package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"weir/internal/tenant"
)

// The kinds of saved objects.
const (
	KindGoal      = "goal"      // an event that counts: a type and filters, of a site
	KindSegment   = "segment"   // a list of filters, of a site
	KindCohort    = "cohort"    // a set of persons, of a site
	KindDashboard = "dashboard" // panels, of the tenant: it has no site
	KindQuery     = "query"     // a statement of SQL, of the tenant: it reads all of its sites
)

// Saved is something that users of a tenant keep: a goal, a segment, a cohort, a dashboard or a query.
type Saved struct {
	Tenant  tenant.ID
	Kind    string
	Site    string // site_id; empty for a dashboard and a query
	ID      string // unique within the tenant
	Name    string // unique within tenant, kind and site, whatever the case of its letters
	Body    []byte // JSON; what is in it is for those who write and read it
	Version int64  // 1 at first; rises by one with each change
	Owner   string // the actor whose it is: who made it, until it changes hands
	Created time.Time
	Updated time.Time
}

// The bounds of a saved object.
const (
	MaxSavedName  = 200      // bytes of a name
	MaxSavedBody  = 1 << 20  // bytes of a body
	MaxSavedTotal = 16 << 20 // bytes of all bodies of a kind and site; of dashboards and queries, of a tenant: a list holds all of them in memory
)

// ErrSavedTotal says that the bodies would exceed MaxSavedTotal.
var ErrSavedTotal = errors.New("what is saved takes too many bytes")

// Validate says what is wrong with an object that is to be kept.
func (s Saved) Validate() error {
	switch s.Kind {
	case KindGoal, KindSegment, KindCohort:
		if s.Site == "" {
			return fmt.Errorf("a %s belongs to a site", s.Kind)
		}
	case KindDashboard, KindQuery:
		if s.Site != "" {
			return fmt.Errorf("a %s belongs to no site", s.Kind)
		}
	default:
		return fmt.Errorf("%q is no kind of saved object", s.Kind)
	}
	switch {
	case s.Name == "" || len(s.Name) > MaxSavedName || !utf8.ValidString(s.Name):
		return fmt.Errorf("a name has 1 to %d bytes of valid text", MaxSavedName)
	case !json.Valid(s.Body) || len(s.Body) > MaxSavedBody:
		return fmt.Errorf("a body is JSON of at most %d bytes", MaxSavedBody)
	}
	for _, r := range s.Name {
		if unicode.IsControl(r) {
			return errors.New("a name has no control characters")
		}
	}
	return nil
}

// SavedObjects is the part of a Catalog that keeps them. They go with their tenant, those of a site also with its source. None is found of a
// deleted tenant. Errors are those of a Catalog.
type SavedObjects interface {
	// CreateSaved fills ID, Version, Created and Updated. ErrFull when the tenant has most of this kind (and site) already, ErrSavedTotal when their bodies are too long
	// together, a Conflict of the field name when the name is taken, ErrNotFound when there is no such tenant or site.
	CreateSaved(ctx context.Context, s Saved, most int) (Saved, error)
	Saved(ctx context.Context, t tenant.ID, kind, id string) (Saved, error)
	// SavedOf lists those of a kind and a site, by name; without a site (dashboards, queries), those of the tenant.
	SavedOf(ctx context.Context, t tenant.ID, kind, site string) ([]Saved, error)
	// UpdateSaved changes Name, Body and Owner; all else stays, but that Version and Updated move.
	UpdateSaved(ctx context.Context, t tenant.ID, kind, id string, change func(*Saved) error) (Saved, error)
	DeleteSaved(ctx context.Context, t tenant.ID, kind, id string) (Saved, error) // the deleted one
}
