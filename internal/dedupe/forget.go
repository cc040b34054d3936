package dedupe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// moveFloors raises the times before which keys are forgotten. The new floors
// are durable and in force for lookups before any key below them is dropped.
func (s *Set) moveFloors(_ context.Context, v *view) (bool, error) {
	floor := max(v.floor, s.expiry())
	floor = max(floor, s.boundFloor(v, floor))
	floors, changed := s.quotaFloors(v, floor)
	if floor == v.floor && !changed {
		return false, nil
	}
	b := s.cfg.DB.NewBatch()
	defer b.Close()
	err := b.Set(s.key('f'), binary.LittleEndian.AppendUint32(nil, floor), nil)
	for tenant := range v.floors {
		if _, ok := floors[tenant]; !ok {
			err = errors.Join(err, b.Delete(s.key('q', binary.BigEndian.AppendUint32(nil, tenant)...), nil))
		}
	}
	for tenant, f := range floors {
		if v.floors[tenant] != f {
			err = errors.Join(err, b.Set(s.key('q', binary.BigEndian.AppendUint32(nil, tenant)...), binary.LittleEndian.AppendUint32(nil, f), nil))
		}
	}
	if err := errors.Join(err, b.Commit(pebble.Sync)); err != nil {
		return false, err
	}
	s.publish(func(v *view) { v.floor, v.floors = floor, floors })
	return true, nil
}

// expiry is the time before which no key is needed any more, in whole hours.
func (s *Set) expiry() uint32 {
	from := int64(s.newest.Load()) - int64(s.lagSec)
	if low := s.low.Load(); low != 0 {
		from = min(from, int64(low))
	}
	from -= int64(s.cfg.Window.Seconds())
	return uint32(max(0, from-from%3600))
}

// boundFloor is the floor that keeps the process within MaxKeys.
func (s *Set) boundFloor(v *view, floor uint32) uint32 {
	total := s.headKeys()
	byTime := map[uint32]int64{}
	for _, r := range v.runs {
		for _, c := range r.slices {
			if c.maxSec >= max(floor, v.floors[c.tenant]) {
				byTime[c.maxSec] += int64(c.count)
				total += int64(c.count)
			}
		}
	}
	if total <= s.cfg.MaxKeys {
		return floor
	}
	times := make([]uint32, 0, len(byTime))
	for t := range byTime {
		times = append(times, t)
	}
	slices.Sort(times)
	for _, t := range times {
		if total <= s.cfg.MaxKeys-s.cfg.MaxKeys/64 {
			break
		}
		total -= byTime[t]
		floor = t + 1
	}
	return floor
}

// quotaFloors returns the floors of tenants above their quotas, and whether they
// differ from the view's. A tenant keeps at least its quota, if it has sent as
// many; keys not yet in run files do not count,
// and an id stored again after it was forgotten may count twice.
func (s *Set) quotaFloors(v *view, floor uint32) (map[uint32]uint32, bool) {
	floors, changed := map[uint32]uint32{}, false
	for tenant, f := range v.floors {
		if f > floor {
			floors[tenant] = f
		} else {
			changed = true
		}
	}
	byTenant := map[uint32]int64{}
	for _, r := range v.runs {
		for _, c := range r.slices {
			if c.maxSec >= max(floor, floors[c.tenant]) {
				byTenant[c.tenant] += int64(c.count)
			}
		}
	}
	for tenant, total := range byTenant {
		quota := s.cfg.QuotaOf(tenant)
		if quota <= 0 || total <= quota {
			continue
		}
		if f := quotaFloor(v, tenant, max(floor, floors[tenant]), quota); f > max(floor, floors[tenant]) {
			floors[tenant] = f
			changed = true
		}
	}
	return floors, changed
}

// quotaFloor is the highest floor above which quota keys of the tenant surely lie.
func quotaFloor(v *view, tenant, floor uint32, quota int64) uint32 {
	var own []slice
	for _, r := range v.runs {
		at, _ := slices.BinarySearchFunc(r.slices, tenant, func(c slice, t uint32) int { return int(int64(c.tenant) - int64(t)) })
		for ; at < len(r.slices) && r.slices[at].tenant == tenant; at++ {
			if c := r.slices[at]; c.maxSec >= floor {
				own = append(own, c)
			}
		}
	}
	slices.SortFunc(own, func(x, y slice) int { return int(int64(y.minSec) - int64(x.minSec)) })
	kept, from := int64(0), floor // quota keys were received at or after from
	for _, c := range own {
		if kept += int64(c.count); kept >= quota {
			from = max(from, c.minSec)
			break
		}
	}
	best := floor // only a floor that ends a slice frees anything
	for _, c := range own {
		if c.maxSec < from {
			best = max(best, c.maxSec+1)
		}
	}
	return best
}

// forget drops the runs of which no key is remembered.
func (s *Set) forget(_ context.Context, v *view) (bool, error) {
	var dead []*run
	var expired, bound int64
	expiry := s.expiry()
	for _, r := range v.runs {
		if v.live(r) > 0 && r.meta.maxSec >= v.floor {
			continue
		}
		dead = append(dead, r)
		if r.meta.maxSec < expiry {
			expired += int64(r.meta.count)
		} else {
			bound += int64(r.meta.count)
		}
	}
	if len(dead) == 0 {
		return false, nil
	}
	b := s.cfg.DB.NewBatch()
	defer b.Close()
	if err := s.commitRuns(b, nil, dead); err != nil {
		return false, err
	}
	s.replaceRuns(nil, dead)
	s.metrics.forgotten.WithLabelValues("window").Add(float64(expired))
	s.metrics.forgotten.WithLabelValues("limit").Add(float64(bound))
	return true, nil
}

// KeysOf counts the keys of a tenant that memory and files hold, forgotten ones included until their space is freed.
func (s *Set) KeysOf(tenantNumber uint32) (int64, error) {
	v, err := s.acquire()
	if err != nil {
		return 0, err
	}
	defer v.release()
	n := int64(0)
	s.commitMu.Lock()
	for _, g := range append([]*segment{s.head}, v.frozen...) {
		n += g.keysOf(tenantNumber)
	}
	s.commitMu.Unlock()
	for _, r := range v.runs {
		for _, c := range r.slices {
			if c.tenant == tenantNumber {
				n += int64(c.count)
			}
		}
	}
	return n, nil
}

// keysOf counts a tenant's keys. Frozen segments do not change; for the head, commitMu is held.
func (g *segment) keysOf(tenant uint32) int64 {
	n := int64(0)
	for i := range g.recs {
		if g.recs[i].tenant() == tenant {
			n++
		}
	}
	return n
}

// mayHold says whether the run may have keys of the tenant.
func (r *run) mayHold(tenant uint32) bool {
	_, found := slices.BinarySearchFunc(r.slices, tenant, func(c slice, t uint32) int { return int(int64(c.tenant) - int64(t)) })
	return found
}

// ForgetTenant removes every key of a tenant from memory and from the files: those that hold some are written anew. Nothing of the tenant
// may be staged any more. It can be repeated.
func (s *Set) ForgetTenant(ctx context.Context, tenantNumber uint32) error {
	s.commitMu.Lock()
	if s.head.keysOf(tenantNumber) > 0 {
		s.freezeHead()
	}
	s.commitMu.Unlock()
	s.maintainMu.Lock()
	defer s.maintainMu.Unlock()
	defer s.observe()
	for {
		did, err := s.forgetStep(ctx, tenantNumber)
		s.sweep()
		if err != nil {
			return fmt.Errorf("forget the event ids of tenant %d: %w", tenantNumber, err)
		}
		if !did {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// forgetStep writes one segment, or one run without the tenant's keys.
func (s *Set) forgetStep(ctx context.Context, tenantNumber uint32) (bool, error) {
	v, err := s.acquire()
	if err != nil {
		return false, err
	}
	defer v.release()
	for _, g := range v.frozen {
		if g.keysOf(tenantNumber) > 0 {
			return s.freeze(ctx, v) // the oldest first, until it is this one's turn
		}
	}
	for _, r := range v.runs {
		if !r.mayHold(tenantNumber) {
			continue
		}
		without := *v
		without.floors = maps.Clone(v.floors)
		if without.floors == nil {
			without.floors = map[uint32]uint32{}
		}
		without.floors[tenantNumber] = math.MaxUint32
		return true, s.rewrite(ctx, &without, r)
	}
	return false, nil
}

// rewrite replaces a run by one without what the view has forgotten.
func (s *Set) rewrite(ctx context.Context, v *view, r *run) error {
	out, err := s.buildRun("erase", r.meta.day, v.live(r), func(w *runWriter) error { return mergeRuns(ctx, w, v, []*run{r}) })
	if err != nil {
		return err
	}
	var added []*run
	if out != nil {
		added = append(added, out)
	}
	b := s.cfg.DB.NewBatch()
	defer b.Close()
	if err := s.commitRuns(b, added, []*run{r}); err != nil {
		return err
	}
	s.replaceRuns(added, []*run{r})
	return nil
}
