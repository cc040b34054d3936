//go:build !race

package enrich

import (
	"bytes"
	"fmt"
	"testing"

	"weir/internal/catalog"
	"weir/internal/event"
)

// TestNoAllocation: the usual event costs no memory. (Under the race detector pools give away what they hold.)
func TestNoAllocation(t *testing.T) {
	e := open(t, Config{Secret: []byte("k")})
	src := source(&catalog.Privacy{Pseudonymise: true, Rules: []catalog.PrivacyRule{{Pattern: "email", Action: "mask"}}})
	base := rowOf("https://www.shop.example/products/blue-shirt-17?utm_source=newsletter&x=4", "www.google.com")
	base.ClientID = []byte("c1")
	props := []event.Prop{{Key: []byte("title"), Value: []byte("How to choose a pair of shoes")}}
	arena := make([]byte, 0, 1<<12)
	facts := event.Facts{}
	if n := testing.AllocsPerRun(100, func() {
		row := *base
		row.Props = props
		facts = e.Enrich(home, phone, true)
		row.Net = facts.Net[:]
		arena = e.Complete(src, &row, arena[:0])
		arena = e.AppendVisitor(arena, "s1", home, phone)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if len(facts.Browser) == 0 || bytes.Equal(facts.Net[:], make([]byte, netSize)) {
		t.Error(fmt.Sprint(facts))
	}
}
