package app

import (
	"testing"

	"weir/internal/event"
	"weir/internal/stream/profile"
)

// TestDiverges: a property diverges when its values do not go together, or are not of the declared kind, whichever kind came.
func TestDiverges(t *testing.T) {
	declared := map[event.PropertyKind]event.Traits{event.PropBool: event.TraitBool, event.PropInt: event.TraitInt, event.PropFloat: event.TraitFloat, event.PropString: event.TraitText}
	for name, c := range map[string]struct {
		declared event.PropertyKind // 0: not declared
		sent     []event.Traits
		want     bool
	}{
		"number as declared":          {event.PropFloat, []event.Traits{event.TraitFloat}, false},
		"whole numbers for fractions": {event.PropFloat, []event.Traits{event.TraitInt}, false},
		"fractions for whole numbers": {event.PropInt, []event.Traits{event.TraitFloat}, true},
		"only texts for a number":     {event.PropFloat, []event.Traits{event.TraitText}, true},
		"only texts for a bool":       {event.PropBool, []event.Traits{event.TraitText}, true},
		"only null":                   {event.PropFloat, []event.Traits{event.TraitNull}, false},
		"text as declared":            {event.PropString, []event.Traits{event.TraitText}, false},
		"numbers for texts":           {event.PropString, []event.Traits{event.TraitInt}, true},
		"not declared":                {0, []event.Traits{event.TraitText}, false},
		"number and text":             {0, []event.Traits{event.TraitInt, event.TraitText}, true},
		"number and fraction":         {0, []event.Traits{event.TraitInt, event.TraitFloat}, false},
	} {
		t.Run(name, func(t *testing.T) {
			q := profile.PropertyInfo{Common: c.declared != 0, Declared: c.declared}
			for _, s := range c.sent {
				q.Traits |= s
			}
			q.Kind = (q.Traits | declared[c.declared]).Kind()
			_, diverge := kindsOf(q.Traits)
			if got := diverge || undeclared(q); got != c.want {
				t.Errorf("%+v diverges: %v, want %v", q, got, c.want)
			}
		})
	}
}
