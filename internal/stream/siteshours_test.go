package stream

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestStoredHours compares what is read of one site's hours with a plain look at all keys, of random tenants, sites and ranges, also such as begin before 1970 or end before they begin.
func TestStoredHours(t *testing.T) {
	db, err := pebble.Open("state", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	rng := rand.New(rand.NewPCG(1, 2))
	const begin = 490_000
	stored := map[hourKey]string{}
	for range 400 {
		k := hourKey{begin + uint32(rng.IntN(60)), []string{"a", "ab", "b"}[rng.IntN(3)], []string{siteless, "s", "s2", "t"}[rng.IntN(4)]}
		stored[k] = fmt.Sprint(k)
		for _, prefix := range []byte{keySites, keyCodes} { // of two kinds
			if err := db.Set(k.under(prefix), []byte(fmt.Sprint(k)), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	at := func(h int) time.Time { return time.Unix(int64(begin+h)*3600, 0) }
	ranges := [][2]time.Time{{time.Unix(-9e9, 0), at(1000)}, {time.Unix(-9e9, 0), time.Unix(-8e9, 0)}, {at(50), at(10)}, {at(3), at(3)}, {time.Unix(0, 0), time.Unix(1e13, 0)}}
	for range 200 {
		from := at(rng.IntN(70) - 5).Add(time.Duration(rng.IntN(3)) * 20 * time.Minute)
		ranges = append(ranges, [2]time.Time{from, from.Add(time.Duration(rng.IntN(300)) * 20 * time.Minute)})
	}
	for _, r := range ranges {
		for _, tenant := range []string{"a", "ab", "b", "nobody"} {
			want := map[uint32]string{}
			for k, v := range stored {
				if begins := time.Unix(int64(k.hour)*3600, 0); k.tenant == tenant && k.site == "s" && !begins.Before(r[0]) && begins.Before(r[1]) {
					want[k.hour] = v
				}
			}
			got := map[uint32]string{}
			var order []uint32
			first, end := hourSpan(r[0], r[1])
			if err := eachStored(db, hourKey{tenant: tenant, site: "s"}.under(keySites), first, end, func(h uint32, v []byte) error {
				got[h], order = string(v), append(order, h)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, want) || !slices.IsSorted(order) || len(order) != len(want) {
				t.Fatalf("%v of %s: %v, want %v", r, tenant, got, want)
			}
		}
	}
}
