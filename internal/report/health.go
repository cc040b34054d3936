package report

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Health tells what became of the events that a site was sent. A site that is empty stands for what names no site of the tenant.
type Health interface {
	// Since is when accounting by site began; zero: with the first event.
	Since() time.Time
	// Hours returns the hours of arrival that begin in [from, to) and in which something came, oldest first.
	Hours(t tenant.ID, site string, from, to time.Time) ([]HealthHour, error)
	// Rejected returns what doors rejected in these hours, by code and door, the most frequent first.
	Rejected(t tenant.ID, site string, from, to time.Time) ([]HealthRejection, error)
	// Seen returns when the first and the last event of the site arrived; zero: not known.
	Seen(t tenant.ID, site string) (first, last time.Time, err error)
	// Conflict returns the last event of the site that came with an id that another one had; nil: none since the start.
	Conflict(t tenant.ID, site string) *HealthConflict
	// Properties returns what the tenant's events have, and what of it had no place.
	Properties(t tenant.ID) (list []HealthProperty, left HealthLeftOut, complete bool)
	// Quarantine returns what is known to hold events of the tenant alone.
	Quarantine(t tenant.ID) (HealthQuarantine, error)
	// LateAfter is how old events are that go by the late stream.
	LateAfter() time.Duration
}

// HealthCounts says what became of events. Received is the sum of what stands between it and Pending, both included.
type HealthCounts struct {
	Received     uint64 `json:"received" doc:"stored + deduplicated + rejected + filtered + quarantined + erased + pending, always"`
	Stored       uint64 `json:"stored"`
	Deduplicated uint64 `json:"deduplicated" doc:"Repeats of an event id"`
	Rejected     uint64 `json:"rejected" doc:"Refused at a door, see rejected"`
	Filtered     uint64 `json:"filtered" doc:"Left out because a rule says so, or because the tenant is being deleted"`
	Quarantined  uint64 `json:"quarantined" doc:"Events. Records of the log that cannot be decoded are not among them, for nobody can tell how many events they hold: see tenant.quarantine"`
	Erased       uint64 `json:"erased"`
	Pending      uint64 `json:"pending" doc:"Accepted and durable, not processed yet"`
	Late         uint64 `json:"late" doc:"Of stored and pending: more than 5 minutes older than their arrival, when what reports said was settled. Imports are not among them"`
	Conflicts    uint64 `json:"conflicts" doc:"Of deduplicated: another payload than the first with this id"`
}

func (c *HealthCounts) add(d HealthCounts) {
	c.Received += d.Received
	c.Stored += d.Stored
	c.Deduplicated += d.Deduplicated
	c.Rejected += d.Rejected
	c.Filtered += d.Filtered
	c.Quarantined += d.Quarantined
	c.Erased += d.Erased
	c.Pending += d.Pending
	c.Late += d.Late
	c.Conflicts += d.Conflicts
}

// HealthHour is an hour of arrival.
type HealthHour struct {
	Hour time.Time `json:"hour" doc:"Of arrival, UTC"`
	HealthCounts
	Delays  HealthDelays `json:"-"`
	Waiting uint64       `json:"-"` // in the late stream
}

// HealthDelays are late events by how late they came.
type HealthDelays struct {
	Minutes uint64 `json:"minutes" doc:"5 minutes to an hour"`
	Hours   uint64 `json:"hours" doc:"An hour to late_after"`
	Days    uint64 `json:"days" doc:"More: they take some seconds longer to show"`
}

func (d *HealthDelays) add(e HealthDelays) {
	d.Minutes += e.Minutes
	d.Hours += e.Hours
	d.Days += e.Days
}

type healthLate struct {
	Events uint64 `json:"events"`
	HealthDelays
	Waiting   uint64 `json:"waiting" doc:"Of days: not visible yet"`
	LateAfter string `json:"late_after" example:"48h0m0s"`
}

// HealthRejection is events that one door rejected for one reason. What it says is of the latest of them.
type HealthRejection struct {
	Code    string     `json:"code" example:"ts_out_of_range"`
	Count   uint64     `json:"count" doc:"In the range"`
	LastAt  *time.Time `json:"last_at,omitempty"`
	Door    string     `json:"door,omitempty" doc:"Where they came: ingest, collect, pixel, or a protocol's name. Absent: what was counted before doors were told apart, of all doors"`
	Field   string     `json:"field,omitempty"`
	Message string     `json:"message,omitempty" doc:"What was wrong and what to do, without personal data"`
	Example string     `json:"example,omitempty" doc:"Outline of the event, at most 1 KB: its names, and in place of values what they are"`
	Masked  bool       `json:"masked,omitempty" doc:"Message and example are hidden, for the field is masked for the role"`
}

// HealthConflict is an event id that came with two payloads.
type HealthConflict struct {
	EventID string    `json:"event_id"`
	Type    string    `json:"type"`
	At      time.Time `json:"at"`
}

// HealthProperty is a property that events have.
type HealthProperty struct {
	Name      string     `json:"name"`
	Kind      string     `json:"kind" enum:"bool,int,float,string" doc:"Of its column"`
	Kinds     []string   `json:"kinds" doc:"Of its values so far, but null: bool, int, float, string"`
	Diverges  bool       `json:"diverges,omitempty" doc:"Values are of kinds that do not go together, or not of the declared one: the column is in the kind that holds all"`
	FirstSeen *time.Time `json:"first_seen,omitempty"`
	LastSeen  *time.Time `json:"last_seen,omitempty" doc:"Day of arrival of its last value"`
	Public    bool       `json:"public,omitempty" doc:"Only senders without a key have sent it: whoever knows a site's public id"`
	Masked    bool       `json:"masked,omitempty"`
	Sites     []string   `json:"-"`
	MoreSites bool       `json:"-"`
}

// HealthLeftOut is what was seen of names of properties for which there was no place.
type HealthLeftOut struct {
	Values   uint64
	Examples []string
	Public   HealthPublicNames
}

// HealthPublicNames is what is known of names that only senders without a key have sent.
type HealthPublicNames struct {
	Names     int        `json:"names" doc:"How many there are"`
	Limit     int        `json:"limit" doc:"How many there may be"`
	HourLimit int        `json:"hour_limit" doc:"How many new ones of a source in an hour"`
	Values    uint64     `json:"values" doc:"Values of names for which there was no place"`
	Examples  []string   `json:"examples,omitempty" doc:"The latest of these names"`
	LastAt    *time.Time `json:"last_at,omitempty" doc:"Day of arrival of the last such value"`
}

// HealthQuarantine is the tenant's part of the quarantine.
type HealthQuarantine struct {
	Records int        `json:"records" doc:"Records of the log that cannot be decoded and hold events of this tenant alone"`
	Bytes   uint64     `json:"bytes"`
	LastAt  *time.Time `json:"last_at,omitempty"`
}

type healthSchema struct {
	Href       string           `json:"href" example:"/api/v1/schema"`
	Complete   bool             `json:"complete"`
	Properties []HealthProperty `json:"properties" doc:"Those that the site sent; kinds are of all sites of the tenant together"`
	LeftOut    uint64           `json:"left_out" doc:"Values of names beyond those that a tenant can have, of all its sites"`
	Examples   []string         `json:"left_out_examples,omitempty" doc:"Some of these names. A key of one site does not see names that had no place"`

	Public HealthPublicNames `json:"public_names" doc:"Names that only senders without a key have sent, of all sites: they have a share of the names"`
}

type healthTenant struct {
	Hours      []HealthHour      `json:"hours" doc:"Events that name no site of the tenant. Those of all its sites and these add up to /api/v1/usage"`
	Totals     HealthCounts      `json:"totals"`
	Rejected   []HealthRejection `json:"rejected"`
	Quarantine HealthQuarantine  `json:"quarantine"`
}

// HealthDoc is the data health of a site.
type HealthDoc struct {
	HealthBody
	AsOf          time.Time `json:"as_of"`
	CompleteUntil time.Time `json:"complete_until"`
}

// HealthBody is a HealthDoc without the times that it is of.
type HealthBody struct {
	SiteID       string            `json:"site_id"`
	From         time.Time         `json:"from" doc:"Rounded down to the hour"`
	To           time.Time         `json:"to" doc:"Rounded up to the hour"`
	Since        *time.Time        `json:"since,omitempty" doc:"Accounting by site began then, with an update of weir: what came before is known of the tenant only"`
	Hours        []HealthHour      `json:"hours" doc:"Of the site; hours without events are left out"`
	Totals       HealthCounts      `json:"totals"`
	Rejected     []HealthRejection `json:"rejected"`
	Late         healthLate        `json:"late"`
	Conflict     *HealthConflict   `json:"conflict,omitempty" doc:"The latest since the start"`
	FirstEventAt *time.Time        `json:"first_event_at,omitempty" doc:"Arrival of the first event that was stored; not known of sites from before since"`
	LastEventAt  *time.Time        `json:"last_event_at,omitempty" doc:"Arrival of the last one"`
	Tenant       *healthTenant     `json:"tenant,omitempty" doc:"What is not known by site. A key of one site does not see it"`
	Schema       healthSchema      `json:"schema"`
}

type healthQuery struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	From   string `query:"from" doc:"Start: a time, a date, or a length back from to; 24h by default."`
	To     string `query:"to" doc:"End, not included; now by default."`
}

var healthShape = shapeOf("health")

const (
	healthRange = "24h"
	healthMost  = 93 * 24 * time.Hour
)

const healthDoc = `What became of the events that were sent to a site, by hour of arrival, and what is wrong with those that were lost: the accounting, rejected events by code and door with the latest of each,
late events, and the properties that were seen. Numbers are of the site unless they stand in tenant. Counts are kept for as long as the tenant is; after a crash up to a second of rejected events may be missing.
The messages and examples of rejected events have no personal data. Columns and properties that are masked for the role are marked.`

func registerHealth(api huma.API, r *Reporter) {
	if r.deps.Health == nil {
		return
	}
	huma.Register(api, huma.Operation{
		OperationID: "health", Method: http.MethodGet, Path: basePath + "/health", Tags: []string{"analytics"}, Summary: "Data health of a site",
		Description: healthDoc, Responses: answerOf[HealthDoc](api, "HealthDoc"), Errors: []int{401, 403, 404, 422},
	}, r.getHealth)
}

// getHealth answers from the accounting, in its turn like other questions, and charged. It is never kept: what doors reject changes no data version.
func (r *Reporter) getHealth(ctx context.Context, in *healthQuery) (*served, error) {
	who, src, p := r.source(ctx, in.SiteID)
	if p != nil {
		return nil, fail(p)
	}
	from, to, p := r.healthSpan(src, in.From, in.To)
	if p != nil {
		return nil, fail(p)
	}
	s := healthState{r: r, tenant: src.Tenant, site: src.SiteID, from: from, to: to, hidden: r.maskedNames(tenant.Principal{Tenant: src.Tenant, Role: who.Role})}
	out, p := r.serve(ctx, &panel{endpoint: "health", who: who, src: src, fresh: true, says: "data health of " + src.SiteID,
		expected: func() usage.Question {
			return usage.Question{Subject: subject(who, src, healthShape), Kind: usage.KindReport, Measured: &usage.Estimate{}}
		},
		run: func(_ context.Context, t *tally) (*kept, error) {
			cpu := usage.StartCPU() // nobody is waited for: all is in memory, or in files of this process
			defer func() { t.cpu += cpu.Stop() }()
			return s.answer(src, who.Site == "")
		}})
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}

// answer gathers the answer; whole: with what is known of the tenant only.
func (s healthState) answer(src catalog.Source, whole bool) (*kept, error) {
	doc := HealthBody{SiteID: s.site, From: s.from, To: s.to}
	if err := s.fill(&doc, src, whole); err != nil {
		return nil, err
	}
	if whole {
		t, err := s.ofTenant()
		if err != nil {
			return nil, err
		}
		doc.Tenant = t
	}
	body, err := marshal(doc)
	if err != nil {
		return nil, err
	}
	return &kept{head: bytes.TrimSuffix(bytes.TrimSpace(body), []byte("}"))}, nil
}

// healthSpan reads the range, in whole hours.
func (r *Reporter) healthSpan(src catalog.Source, from, to string) (time.Time, time.Time, *problem.Problem) {
	if from == "" {
		from = healthRange
	}
	q, p := ask{From: from, To: to}.question(src, r.now(), r.zone)
	if p != nil {
		return time.Time{}, time.Time{}, p
	}
	start, end := q.From.UTC().Truncate(time.Hour), roundUp(q.To.UTC(), time.Hour)
	if end.Sub(start) > healthMost {
		return start, end, invalid("from", "the range is longer than 93 days: ask for less at once").WithLimit("report.health_days", 93)
	}
	return start, end, nil
}

// healthState gathers one answer.
type healthState struct {
	r        *Reporter
	tenant   tenant.ID
	site     string
	from, to time.Time
	hidden   []string
}

func (s healthState) fill(doc *HealthBody, src catalog.Source, whole bool) error {
	h := s.r.deps.Health
	var err error
	if doc.Hours, doc.Totals, err = s.hours(s.site); err != nil {
		return err
	}
	for _, x := range doc.Hours {
		doc.Late.HealthDelays.add(x.Delays)
		doc.Late.Waiting += x.Waiting
	}
	doc.Late.Events, doc.Late.LateAfter = doc.Totals.Late, h.LateAfter().String()
	if doc.Rejected, err = s.rejected(s.site); err != nil {
		return err
	}
	first, last, err := h.Seen(s.tenant, s.site)
	if err != nil {
		return err
	}
	since := h.Since()
	doc.Since = moment(since)
	if since.IsZero() || src.Created.After(since) {
		doc.FirstEventAt = moment(first)
	}
	doc.LastEventAt = moment(last)
	if !s.masked(Dim{Column: "event_id"}) && !s.masked(Dim{Column: "type"}) {
		doc.Conflict = h.Conflict(s.tenant, s.site)
	}
	doc.Schema = s.schema(whole)
	return nil
}

func (s healthState) ofTenant() (*healthTenant, error) {
	t := &healthTenant{}
	var err error
	if t.Hours, t.Totals, err = s.hours(""); err != nil {
		return nil, err
	}
	if t.Rejected, err = s.rejected(""); err != nil {
		return nil, err
	}
	t.Quarantine, err = s.r.deps.Health.Quarantine(s.tenant)
	return t, err
}

func (s healthState) hours(site string) ([]HealthHour, HealthCounts, error) {
	var sum HealthCounts
	list, err := s.r.deps.Health.Hours(s.tenant, site, s.from, s.to)
	for _, h := range list {
		sum.add(h.HealthCounts)
	}
	return append([]HealthHour{}, list...), sum, err
}

func (s healthState) rejected(site string) ([]HealthRejection, error) {
	list, err := s.r.deps.Health.Rejected(s.tenant, site, s.from, s.to)
	out := append([]HealthRejection{}, list...)
	for i := range out {
		x := &out[i]
		if x.Field != "" && s.masked(fieldDim(x.Field)) || x.Code == "origin_forbidden" && s.masked(Dim{Column: "host"}) ||
			x.Field == "url" && (s.masked(Dim{Column: "host"}) || s.masked(Dim{Column: "path"})) || s.masked(Dim{Column: "type"}) || s.masked(Dim{Column: "ts"}) || s.masked(Dim{Prop: "props"}) {
			x.Field, x.Message, x.Example, x.Masked = "", "", "", true
		}
	}
	return out, err
}

// fieldDim is the column or the property that a door's name of a field means.
func fieldDim(field string) Dim {
	if slices.Contains(columnNames(), field) {
		return Dim{Column: field}
	}
	return Dim{Prop: strings.TrimPrefix(field, propPrefix)}
}

func (s healthState) masked(d Dim) bool {
	return slices.ContainsFunc(s.hidden, func(mask string) bool { return covers(mask, d) })
}

// schema returns the properties that the site sent; whole: with names of which nobody knows the site.
func (s healthState) schema(whole bool) healthSchema {
	list, left, complete := s.r.deps.Health.Properties(s.tenant)
	out := healthSchema{Href: "/api/v1/schema", Complete: complete, LeftOut: left.Values, Public: left.Public, Properties: []HealthProperty{}}
	if out.Public.Examples = nil; whole {
		out.Examples, out.Public.Examples = left.Examples, left.Public.Examples
	}
	for _, q := range list {
		if !slices.Contains(q.Sites, s.site) && !q.MoreSites {
			continue
		}
		if q.Masked = s.masked(Dim{Prop: q.Name}); q.Masked {
			q.Kinds, q.Diverges = nil, false
		}
		q.Kinds = append([]string{}, q.Kinds...)
		out.Properties = append(out.Properties, q)
	}
	return out
}

func columnNames() []string {
	var out []string
	for _, c := range eventColumns {
		out = append(out, c.Name)
	}
	return out
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
