package stream

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// lateTurn is what one late insert takes: entries of at most lateDays days. Where more days wait, tenants take turns, each with the day of which a row has waited
// longest, so that whoever sends rows of thousands of days delays nobody else's. from is the tenant after which the turns begin; last is the one that had the last turn.
// Entries of the days are taken in turns, too: the first of each, then the second of each.
func lateTurn(entries map[string]lateEntry, from string) (keys []string, last string) {
	byDay := map[int32][]string{}
	for key := range entries {
		if day, err := lateDay([]byte(key)); err == nil { // another one is found damaged when the store is read
			byDay[day] = append(byDay[day], key)
		}
	}
	days := slices.Sorted(maps.Keys(byDay))
	if last = from; len(days) > lateDays {
		days, last = daysInTurn(entries, from)
	}
	lists := make([][]string, len(days))
	for i, day := range days {
		lists[i] = slices.Sorted(slices.Values(byDay[day]))
	}
	for n := 0; len(keys) < len(entries); n++ {
		more := false
		for _, list := range lists {
			if n < len(list) {
				keys, more = append(keys, list[n]), true
			}
		}
		if !more {
			break
		}
	}
	return keys, last
}

// daysInTurn chooses lateDays days of those that wait.
func daysInTurn(entries map[string]lateEntry, from string) (days []int32, last string) {
	waiting := map[string]map[int32]time.Time{} // since when, by tenant and day
	for key, e := range entries {
		day, err := lateDay([]byte(key))
		if err != nil {
			continue
		}
		for ref := range e.spans {
			of := waiting[ref.tenant]
			if of == nil {
				of = map[int32]time.Time{}
				waiting[ref.tenant] = of
			}
			if at, ok := of[day]; !ok || e.since.Before(at) {
				of[day] = e.since
			}
		}
	}
	tenants := slices.Sorted(maps.Keys(waiting))
	if i, found := slices.BinarySearch(tenants, from); found || i < len(tenants) { // from the one behind it on
		if found {
			i++
		}
		tenants = append(slices.Clone(tenants[i:]), tenants[:i]...)
	}
	left := map[string][]int32{}
	for _, t := range tenants {
		of := waiting[t]
		left[t] = slices.SortedFunc(maps.Keys(of), func(a, b int32) int { return cmp.Or(of[a].Compare(of[b]), cmp.Compare(a, b)) })
	}
	chosen := map[int32]bool{}
	for len(tenants) > 0 {
		tenants = slices.DeleteFunc(tenants, func(t string) bool {
			for len(left[t]) > 0 && chosen[left[t][0]] { // another tenant's choice, too
				left[t] = left[t][1:]
			}
			if len(left[t]) == 0 {
				return true
			}
			if len(days) < lateDays {
				days, last = append(days, left[t][0]), t
				chosen[left[t][0]] = true
			}
			return false
		})
		if len(days) == lateDays {
			break
		}
	}
	return days, last
}
