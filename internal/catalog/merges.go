package catalog

import (
	"context"
	"errors"

	"weir/internal/tenant"
)

// Merges is the part of a Catalog that keeps which merges of ids were undone. A merge itself is found in the events of a site; here is only its name.
// They go with their tenant, those of a site also with its source. Errors are those of a Catalog.
type Merges interface {
	// UndoMerge notes that a merge of a site is undone; again changes nothing. ErrFull when the site has most of them already, ErrNotFound when there is
	// no such tenant or site.
	UndoMerge(ctx context.Context, t tenant.ID, site, id, actor string, most int) error
	// RestoreMerge forgets that; without it nothing changes.
	RestoreMerge(ctx context.Context, t tenant.ID, site, id string) error
	// UndoneMerges are those of a site, in order; none of a deleted tenant. It is answered from memory like Lookups.
	UndoneMerges(t tenant.ID, site string) []string
}

// MaxMergeID bounds the name of a merge, in bytes.
const MaxMergeID = 64

// ValidMergeID says what is wrong with the name of a merge.
func ValidMergeID(id string) error {
	if id == "" || len(id) > MaxMergeID {
		return errors.New("the id of a merge has 1 to 64 hexadecimal digits")
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return errors.New("the id of a merge has 1 to 64 hexadecimal digits")
		}
	}
	return nil
}
