package report

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/rollup"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Merges keeps which merges were undone. catalog.Merges does.
type Merges interface {
	UndoneMerges(t tenant.ID, site string) []string
	UndoMerge(ctx context.Context, t tenant.ID, site, id, actor string, most int) error
	RestoreMerge(ctx context.Context, t tenant.ID, site, id string) error
}

// The bounds of people.
const (
	maxUndone       = 1000 // merges of a site
	maxPersonIDs    = 1000 // that an answer lists
	maxPersonMerges = 1000
)

const peopleDoc = `A person is everything that is joined: an identify event joins its client_id to its user_id, an alias event its props.previous_id to its user_id, be that a client's or a user's, and so does an identify event that has one. Events without a user id are of the user of their client's first merge
that is not undone, by time, then as they came in; aliases are followed from user to user, to the end (a circle is of its least id). It is decided when a question is asked: undoing a merge gives exactly the
answers from before it. Merges are of one site.`

func registerPeople(api huma.API, r *Reporter) {
	const tag = "people"
	huma.Register(api, huma.Operation{
		OperationID: "person", Method: http.MethodGet, Path: basePath + "/people/{id}", Tags: []string{tag}, Summary: "A person: its ids, and the merges that join them",
		Description: peopleDoc, Responses: answerOf[Person](api, "Person"),
	}, r.getPerson)
	huma.Register(api, huma.Operation{
		OperationID: "merge-undo", Method: http.MethodDelete, Path: basePath + "/people/merges/{merge}", Tags: []string{tag}, Summary: "Undo a merge",
		Description: "Every answer is from now on as if the two ids had never been joined by such an event, also by later ones. Again it changes nothing. At most 1000 of a site.\n\n" + peopleDoc,
	}, r.deleteMerge)
	huma.Register(api, huma.Operation{
		OperationID: "merge-restore", Method: http.MethodPost, Path: basePath + "/people/merges/{merge}/restore", Tags: []string{tag}, Summary: "Restore a merge that was undone",
		Description: peopleDoc, Metadata: map[string]any{"audit": "change"},
	}, r.restoreMerge)
}

// Person is a person.
type Person struct {
	Person string   `json:"person" doc:"The id that stands for it."`
	IDs    []string `json:"ids" doc:"Its client ids and user ids, by name; at most 1000."`
	Merges []Merge  `json:"merges" doc:"The merges of its ids, also those that are undone, by time; at most 1000."`
	AsOf   string   `json:"as_of"`
}

// Merge is a pair of ids that events join.
type Merge struct {
	ID         string `json:"id" doc:"The same pair always has the same id."`
	Kind       string `json:"kind" enum:"identify,alias"`
	ClientID   string `json:"client_id,omitempty" doc:"Of an identify."`
	PreviousID string `json:"previous_id,omitempty" doc:"Of an alias, or of an identify that has one."`
	UserID     string `json:"user_id"`
	At         string `json:"at" doc:"Time of the first event that joins them."`
	Undone     bool   `json:"undone"`
}

type personInput struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	ID     string `path:"id" doc:"A client id or a user id; of one that is both, the user's where something is joined to it."`
}

type mergeInput struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	Merge  string `path:"merge" doc:"The id of the merge."`
}

type mergeOutput struct{ Body Merge }

// undone are the merges of a site that are undone.
func (r *Reporter) undone(t tenant.ID, site string) []string {
	if r.deps.Merges == nil {
		return nil
	}
	return r.deps.Merges.UndoneMerges(t, site)
}

// keyFor makes the key of an answer depend on whether the caller may see one site only, whose properties are not those of the tenant.
func keyFor(who tenant.Principal, key [32]byte) [32]byte {
	if who.Site == "" {
		return key
	}
	return keyOf("one site", string(key[:]))
}

// keyWithMerges makes the key of an answer depend on which merges are undone.
func (r *Reporter) keyWithMerges(key [32]byte, src catalog.Source) [32]byte {
	undone := r.undone(src.Tenant, src.SiteID)
	if len(undone) == 0 {
		return key
	}
	return keyOf(append(undone[:len(undone):len(undone)], "undone", string(key[:]))...)
}

// peopleSource finds the source for a question that lists ids.
func (r *Reporter) peopleSource(ctx context.Context, site string, role tenant.Role) (tenant.Principal, catalog.Source, *problem.Problem) {
	who, src, p := r.source(ctx, site)
	if p == nil {
		p = who.Require(role)
	}
	if p == nil {
		if p = r.masked(who, Question{GroupBy: []Dim{{Column: "client_id"}, {Column: "user_id"}}}); p != nil {
			p = p.WithField("id")
		}
	}
	return who, src, p
}

func (r *Reporter) getPerson(ctx context.Context, in *personInput) (*served, error) {
	who, src, p := r.peopleSource(ctx, in.SiteID, tenant.RoleViewer)
	if p != nil {
		return nil, fail(p)
	}
	if in.ID == "" || len(in.ID) > event.MaxID || !utf8.ValidString(in.ID) || strings.ContainsRune(in.ID, 0) {
		return nil, fail(invalid("id", "the id of a person is 1 to %d bytes of valid text", event.MaxID))
	}
	out, p := r.serve(ctx, r.peoplePanel(who, src, "person", in.ID, func(ctx context.Context, t *tally) (*kept, error) { return r.answerPerson(ctx, t, src, in.ID) }))
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}

func (r *Reporter) peoplePanel(who tenant.Principal, src catalog.Source, endpoint, id string, run func(context.Context, *tally) (*kept, error)) *panel {
	return &panel{endpoint: endpoint, who: who, src: src, says: "a " + endpoint + " of " + src.SiteID, key: keyOf(endpoint, string(src.Tenant), src.SiteID, id), run: run,
		expected: func() usage.Question {
			return usage.Question{Subject: subject(who, src, endpoint), Kind: usage.KindReport, Columns: []string{"tenant", "site_id", "client_id", "user_id"}, From: r.now().Add(-time.Minute), To: r.now()}
		}}
}

// answerPerson finds whose an id is, and everything that is the same person's.
func (r *Reporter) answerPerson(ctx context.Context, t *tally, src catalog.Source, id string) (*kept, error) {
	l := r.linked(string(src.Tenant), src.SiteID)
	kinds, err := r.linkKinds(ctx, t, l)
	if err != nil {
		return nil, err
	}
	p := Person{Person: id, IDs: []string{}, Merges: []Merge{}}
	if err := r.personIDs(ctx, t, l, kinds, &p); err != nil {
		return nil, err
	}
	if err := r.personMerges(ctx, t, l, &p); err != nil {
		return nil, err
	}
	if len(p.IDs) == 0 && len(p.Merges) == 0 {
		if err := r.seen(ctx, t, l, id); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(p.IDs, p.Person) {
		p.IDs = append(p.IDs, p.Person)
	}
	if !slices.Contains(p.IDs, id) { // beyond the bound
		p.IDs = append(p.IDs, id)
	}
	slices.Sort(p.IDs)
	ids, err := marshal(p.IDs)
	merges, merr := marshal(p.Merges)
	person, perr := marshal(p.Person)
	return &kept{timeless: true, head: fmt.Appendf(nil, `{"person":%s,"ids":%s,"merges":%s`, person, ids, merges)}, errors.Join(err, merr, perr)
}

// personIDs finds p.Person, which is an id of the person at first, and the linked ids that are the same person's.
func (r *Reporter) personIDs(ctx context.Context, t *tally, l linked, kinds linkKinds, p *Person) error {
	b := &builder{params: map[string]string{}}
	all := b.persons(l, kinds.chains)
	id := b.text("id", p.Person)
	// Of an id that is a user's and a client's, the user; who has aliases is no end itself.
	sql := "WITH (SELECT argMax(of_person, of_user) FROM (\n" + all + "\n) WHERE of_id = " + id + ") AS found, if(found = '' OR EXISTS (SELECT 1 FROM (\n" + all + "\n) WHERE of_person = " + id +
		"), " + id + ", found) AS wanted\nSELECT wanted, arraySort(groupUniqArray(" + strconv.Itoa(maxPersonIDs) + ")(of_id)) FROM (\n" + all + "\n) WHERE of_person = wanted"
	return r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "people/" + l.tenant}, func(row []any) error {
		if len(row) != 2 {
			return fmt.Errorf("people: the engine's row has %d columns, want 2", len(row))
		}
		person, ok := row[0].(string)
		ids, ok2 := row[1].([]any)
		if !ok || !ok2 {
			return fmt.Errorf("people: unexpected row %v", row)
		}
		p.Person = person
		for _, v := range ids {
			s, ok := v.(string)
			if !ok {
				return fmt.Errorf("people: %v is no id", v)
			}
			p.IDs = append(p.IDs, s)
		}
		return nil
	})
}

// personMerges lists the merges of the person's ids.
func (r *Reporter) personMerges(ctx context.Context, t *tally, l linked, p *Person) error {
	undone := l.undone
	l.undone = nil
	b := &builder{params: map[string]string{}}
	ids := b.texts("ids", append(slices.Clone(p.IDs), p.Person))
	sql := mergeColumns + " FROM (\n" + b.links(l) + "\n) WHERE source IN " + ids + " OR target IN " + ids + "\nORDER BY first, merge LIMIT " + strconv.Itoa(maxPersonMerges)
	return r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "people/" + l.tenant}, func(row []any) error {
		m, err := mergeOf(row, undone)
		p.Merges = append(p.Merges, m)
		return err
	})
}

// mergeColumns are those that mergeOf reads.
const mergeColumns = "SELECT " + mergeID + " AS merge, alias, source, target, toUnixTimestamp64Milli(first.1)"

func mergeOf(row []any, undone []string) (Merge, error) {
	if len(row) != 5 {
		return Merge{}, fmt.Errorf("merges: the engine's row has %d columns, want 5", len(row))
	}
	id, ok := row[0].(string)
	source, ok2 := row[2].(string)
	target, ok3 := row[3].(string)
	alias, err := unsigned(row[1])
	at, ok4 := row[4].(json.Number)
	ms, err2 := strconv.ParseInt(string(at), 10, 64)
	if err := errors.Join(err, err2); err != nil || !ok || !ok2 || !ok3 || !ok4 {
		return Merge{}, fmt.Errorf("merges: unexpected row %v", row)
	}
	m := Merge{ID: id, Kind: rollup.TypeIdentify, ClientID: source, UserID: target, At: formatTime(time.UnixMilli(ms)), Undone: slices.Contains(undone, id)}
	if alias > 0 {
		m.Kind, m.ClientID, m.PreviousID = rollup.TypeAlias, "", source
	}
	return m, nil
}

// seen returns a problem unless an event has the id.
func (r *Reporter) seen(ctx context.Context, t *tally, l linked, id string) error {
	b := &builder{params: map[string]string{}}
	scope := "tenant = " + b.text("tenant", l.tenant) + " AND site_id = " + b.text("site", l.site)
	name := b.text("id", id)
	found := false
	sql := "SELECT 1 FROM " + rollup.Events + " WHERE " + scope + " AND (client_id = " + name + " OR user_id = " + name + ") LIMIT 1"
	err := r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "people/" + l.tenant}, func([]any) error { found = true; return nil })
	if err == nil && !found {
		return problem.New(http.StatusNotFound, "unknown_person", "no event of the site has the client id or user id %q; ids are compared exactly", clip(id)).WithField("id")
	}
	return err
}

// merge finds a merge of a site by its id.
func (r *Reporter) merge(ctx context.Context, who tenant.Principal, src catalog.Source, id string) (Merge, *problem.Problem) {
	if err := catalog.ValidMergeID(id); err != nil {
		return Merge{}, invalid("merge", "%v; GET /api/v1/analytics/%s/people/{id} lists a person's merges", err, src.SiteID)
	}
	var found Merge
	_, p := r.serve(ctx, r.peoplePanel(who, src, "merge", id+rand.Text(), func(ctx context.Context, t *tally) (*kept, error) { // the answer is not to be kept
		l := r.linked(string(src.Tenant), src.SiteID)
		undone := l.undone
		l.undone = nil
		b := &builder{params: map[string]string{}}
		sql := mergeColumns + " FROM (\n" + b.links(l) + "\n) WHERE merge = " + b.text("merge", id)
		err := r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "people/" + l.tenant}, func(row []any) (err error) {
			found, err = mergeOf(row, undone)
			return err
		})
		return &kept{timeless: true, head: []byte(`{"merge":""`)}, err
	}))
	if p == nil && found.ID == "" {
		p = problem.New(http.StatusNotFound, "unknown_merge", "there is no merge %q of this site; GET /api/v1/analytics/%s/people/{id} lists a person's merges", clip(id), src.SiteID).WithField("merge")
	}
	return found, p
}

func (r *Reporter) deleteMerge(ctx context.Context, in *mergeInput) (*mergeOutput, error) {
	return r.changeMerge(ctx, in, true)
}

func (r *Reporter) restoreMerge(ctx context.Context, in *mergeInput) (*mergeOutput, error) {
	return r.changeMerge(ctx, in, false)
}

func (r *Reporter) changeMerge(ctx context.Context, in *mergeInput, undo bool) (*mergeOutput, error) {
	who, src, p := r.peopleSource(ctx, in.SiteID, tenant.RoleAnalyst)
	if p != nil {
		return nil, fail(p)
	}
	if r.deps.Merges == nil {
		return nil, fail(problem.New(http.StatusServiceUnavailable, "catalog_unavailable", "merges cannot be changed here"))
	}
	m, p := r.merge(ctx, who, src, in.Merge)
	if p != nil {
		return nil, fail(p)
	}
	var err error
	if m.Undone = undo; undo {
		err = r.deps.Merges.UndoMerge(ctx, src.Tenant, src.SiteID, m.ID, cmp.Or(who.Actor(), "-"), maxUndone)
	} else {
		err = r.deps.Merges.RestoreMerge(ctx, src.Tenant, src.SiteID, m.ID)
	}
	switch {
	case errors.Is(err, catalog.ErrFull):
		return nil, fail(problem.New(http.StatusConflict, "too_many_undone_merges", "the site has %d undone merges, the limit report.undone_merges; restore one that is not needed", maxUndone).WithLimit("report.undone_merges", maxUndone))
	case errors.Is(err, catalog.ErrNotFound):
		return nil, fail(problem.New(http.StatusNotFound, "unknown_site", "the site %q is gone", src.SiteID).WithField("site_id"))
	case err != nil:
		r.log.Error("a merge could not be changed", "site", src.SiteID, "error", err)
		return nil, fail(problem.New(http.StatusServiceUnavailable, "catalog_unavailable", "the change could not be stored; try again").WithRetry(time.Second))
	}
	return &mergeOutput{m}, nil
}
