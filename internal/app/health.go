package app

import (
	"time"

	"weir/internal/event"
	"weir/internal/report"
	"weir/internal/stream"
	"weir/internal/stream/profile"
	"weir/internal/tenant"
)

// siteHealth serves the data health of sites from what the processor keeps.
type siteHealth struct{ processor *stream.Processor }

func (h siteHealth) Since() time.Time { return h.processor.SitesSince() }

func (h siteHealth) LateAfter() time.Duration { return h.processor.LateAfter() }

func (h siteHealth) Hours(t tenant.ID, site string, from, to time.Time) ([]report.HealthHour, error) {
	list, err := h.processor.SiteUsage(string(t), site, from, to)
	out := make([]report.HealthHour, 0, len(list))
	for _, x := range list {
		d := x.Delayed
		out = append(out, report.HealthHour{Hour: x.Hour, HealthCounts: report.HealthCounts{
			Received: x.Received, Stored: x.Stored, Deduplicated: x.Deduplicated, Rejected: x.Rejected, Filtered: x.Filtered, Quarantined: x.Quarantined,
			Erased: x.Erased, Pending: x.Pending, Late: d[0] + d[1] + d[2], Conflicts: x.Conflicts,
		}, Delays: report.HealthDelays{Minutes: d[0], Hours: d[1], Days: d[2]}, Waiting: x.Late})
	}
	return out, err
}

func (h siteHealth) Rejected(t tenant.ID, site string, from, to time.Time) ([]report.HealthRejection, error) {
	list, err := h.processor.RejectedOf(string(t), site, from, to)
	out := make([]report.HealthRejection, 0, len(list))
	for _, x := range list {
		r := report.HealthRejection{Code: x.Code, Count: x.Count, Door: x.Door, Field: x.Field, Message: x.Message, Example: x.Example}
		if !x.At.IsZero() {
			r.LastAt = &x.At
		}
		out = append(out, r)
	}
	return out, err
}

func (h siteHealth) Seen(t tenant.ID, site string) (first, last time.Time, err error) {
	return h.processor.SeenOf(string(t), site)
}

func (h siteHealth) Conflict(t tenant.ID, site string) *report.HealthConflict {
	c, ok := h.processor.LastConflictOf(string(t), site)
	if !ok {
		return nil
	}
	return &report.HealthConflict{EventID: c.EventID, Type: c.Type, At: c.At}
}

func (h siteHealth) Properties(t tenant.ID) (list []report.HealthProperty, left report.HealthLeftOut, complete bool) {
	s := h.processor.Schema(string(t))
	left = report.HealthLeftOut{Values: s.LeftOut, Examples: s.Examples,
		Public: report.HealthPublicNames{Names: s.Public.Names, Limit: profile.MaxPublic, Values: s.Public.LeftOut, Examples: s.Public.Examples, HourLimit: profile.PublicHourly}}
	if !s.Public.Last.IsZero() {
		left.Public.LastAt = &s.Public.Last
	}
	for _, q := range s.Properties {
		if q.First.IsZero() {
			continue // declared, and never seen
		}
		p := report.HealthProperty{Name: q.Name, Kind: q.Kind.String(), Sites: q.Sources, MoreSites: q.MoreSources, Public: q.Public, FirstSeen: &q.First, LastSeen: &q.Last}
		p.Kinds, p.Diverges = kindsOf(q.Traits)
		p.Diverges = p.Diverges || undeclared(q)
		list = append(list, p)
	}
	return list, left, h.processor.ProfilesComplete()
}

// undeclared says whether values came that are not of the declared kind: the column had to become wider, or it is of texts and holds something else.
func undeclared(q profile.PropertyInfo) bool {
	seen := q.Traits &^ event.TraitNull
	return q.Common && seen != 0 && (q.Kind != q.Declared || q.Kind == event.PropString && q.Kind != seen.Kind())
}

// kindsOf names the kinds of values, and says whether they do not go together: whole numbers and others do.
func kindsOf(t event.Traits) (kinds []string, diverge bool) {
	groups := map[int]bool{}
	for _, k := range []struct {
		trait event.Traits
		name  string
		group int
	}{{event.TraitBool, "bool", 0}, {event.TraitInt, "int", 1}, {event.TraitFloat, "float", 1}, {event.TraitText, "string", 2}} {
		if t&k.trait != 0 {
			kinds, groups[k.group] = append(kinds, k.name), true
		}
	}
	return kinds, len(groups) > 1
}

func (h siteHealth) Quarantine(t tenant.ID) (report.HealthQuarantine, error) {
	var out report.HealthQuarantine
	list, err := h.processor.QuarantineOwn(string(t))
	for _, q := range list {
		out.Records++
		out.Bytes += uint64(q.Bytes)
		if out.LastAt == nil || q.At.After(*out.LastAt) {
			out.LastAt = &q.At
		}
	}
	return out, err
}
