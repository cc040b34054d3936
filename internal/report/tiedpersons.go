package report

import (
	"maps"
	"slices"

	"weir/internal/report/funnel"
)

// The bounds of what is kept of persons with ties. Where there is more, all of their events are read again.
type tiedBounds struct{ events, times int }

var maxTied = tiedBounds{events: 100_000, times: 2000}

// tiedPersons are the persons of a funnel of whose packed events some happened at the same time, and what is known of them.
type tiedPersons struct {
	bounds  tiedBounds
	persons map[string]*tiedPerson
	at      map[int64]struct{} // when something happened of which it is not known what came first
	events  int
	cut     bool // there are more than are kept
}

// tiedPerson has the person's packed events, and those of the times in question as they came in.
type tiedPerson struct {
	packed, told []funnel.Event
	values       []string // of both: Event.Value is the place
}

func newTiedPersons(bounds tiedBounds) *tiedPersons {
	return &tiedPersons{bounds: bounds, persons: map[string]*tiedPerson{}, at: map[int64]struct{}{}}
}

// keep keeps a person's packed events, in order.
func (p *tiedPersons) keep(rows *funnelRows, person string, events []funnel.Event) {
	if p.events += len(events); p.events > p.bounds.events || p.cut {
		p.persons[person], p.cut = nil, true // its name is enough
		return
	}
	kept := &tiedPerson{}
	p.persons[person] = kept
	kept.packed = kept.copied(rows, events)
	for i := 1; i < len(events); i++ {
		if events[i-1].TS == events[i].TS {
			p.at[events[i].TS] = struct{}{}
		}
	}
	p.cut = p.cut || len(p.at) > p.bounds.times
}

// copied are events of a row that outlive it.
func (k *tiedPerson) copied(rows *funnelRows, events []funnel.Event) []funnel.Event {
	out := slices.Clone(events)
	if rows.v == nil {
		return out
	}
	for i, e := range out {
		if begins(e, rows.any) {
			out[i].Value = int32(len(k.values))
			k.values = append(k.values, rows.value(e.Value))
		}
	}
	return out
}

// whole says whether everything of the persons is kept.
func (p *tiedPersons) whole() bool { return !p.cut }

// times are the times in question.
func (p *tiedPersons) times() []int64 { return slices.Sorted(maps.Keys(p.at)) }

// few are the persons' names if they are few, else none.
func (p *tiedPersons) few() []string {
	size := 0
	for person := range p.persons {
		size += len(person)
	}
	if len(p.persons) > maxOnly || size > maxOnlyBytes {
		return nil
	}
	return slices.Sorted(maps.Keys(p.persons))
}

// told takes what a person did at the times in question.
func (p *tiedPersons) told(rows *funnelRows, person string, events []funnel.Event) {
	if kept := p.persons[person]; kept != nil {
		kept.told = append(kept.told, kept.copied(rows, events)...)
	}
}

// add finds the persons' best attempts: of what happened at the times in question by what was told, else by the packed events.
func (p *tiedPersons) add(a *attempts) error {
	for _, person := range slices.Sorted(maps.Keys(p.persons)) {
		kept := p.persons[person]
		events := kept.told
		for _, e := range kept.packed {
			if _, ok := p.at[e.TS]; !ok {
				events = append(events, e)
			}
		}
		funnel.Sort(events)
		if err := a.best(person, events, kept.value); err != nil {
			return err
		}
	}
	return nil
}

func (k *tiedPerson) value(at int32) string {
	if len(k.values) == 0 {
		return ""
	}
	return k.values[at]
}
