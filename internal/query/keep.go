package query

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/usage"
)

// kept is an answer that can be given again. Nobody writes to it.
type kept struct {
	body     []byte
	format   string
	shape    string
	asOf     time.Time
	snapshot string
	sum      clickhouse.Summary // of the run that made it
}

// keeps says whether the question's answer may come from the cache. What has a bound on its cost is looked at first: it is refused whether or not
// its answer happens to be there.
func (a *asking) keeps() bool {
	return a.deps.Cache != nil && a.deps.Data != nil && a.q.Door != DoorJob && !a.scope.All && a.q.MaxCost == 0 && a.q.MaxBytes == 0
}

// key is the hash of everything that the answer depends on, beside the tenant's data. The text is taken as it is: a hit needs no parser.
func (a *asking) key() [32]byte {
	h := sha256.New()
	var n [8]byte
	part := func(s string) {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		io.WriteString(h, s)
	}
	part(a.q.SQL)
	part(a.q.Format)
	part(a.q.AsOf)
	part(a.q.Door)
	part(fmt.Sprint(a.scope.Gone))
	part(a.q.Database)
	part(a.deps.sessionTimeout(a.scope.Tenant).String())
	for _, m := range []map[string]string{a.q.Params, a.q.Settings} {
		for _, k := range slices.SortedFunc(maps.Keys(m), cmp.Compare[string]) {
			part(k)
			part(m[k])
		}
		part("\x00")
	}
	for _, m := range a.scope.Masks {
		part(m.Name())
		part(m.Action)
	}
	var key [32]byte
	h.Sum(key[:0])
	return key
}

// fromCache answers from the cache, or runs the question and keeps its answer.
func (a *asking) fromCache(ctx context.Context) (*Answer, *problem.Problem) {
	key := a.key()
	if ans, p := a.hit(key); ans != nil || p != nil {
		return ans, p
	}
	// Before prepare: how the statement is written depends on the tenant's properties, which change with the version.
	version, settled := a.deps.Data.DataVersion(a.scope.Tenant)
	if p := a.prepare(); p != nil {
		return nil, p
	}
	if a.checked.Volatile || a.checked.Kind != KindSelect {
		return a.run(ctx)
	}
	var own *Answer
	var refusal *problem.Problem
	v, err := a.deps.Cache.Share(ctx, a.scope.Tenant, key, func() (any, bool) {
		if own, refusal = a.hit(key); own != nil || refusal != nil { // somebody else's run has ended meanwhile
			return nil, false
		}
		if now, calm := a.deps.Data.DataVersion(a.scope.Tenant); now != version || !calm { // it has waited: properties may be others than they were
			version, settled, a.checked = now, calm, nil
			if refusal = a.prepare(); refusal != nil {
				return nil, false
			}
		}
		var k *kept
		own, k, refusal = a.runAndKeep(ctx, key, version, settled)
		return k, k != nil
	})
	switch {
	case err != nil:
		return nil, gone()
	case own != nil || refusal != nil:
		return own, refusal
	}
	k := v.(*kept)
	return a.again(k, k.asOf, k.snapshot, usage.StartCPU()) // the waiting for somebody else's run is no work
}

// hit looks an answer up. It holds all that can be seen: as_of is read before the version, under which the answer was found.
func (a *asking) hit(key [32]byte) (*Answer, *problem.Problem) {
	cpu := usage.StartCPU()
	asOf, snapshot := a.deps.Visibility.AsOf(a.scope.Tenant), a.snapshot()
	version, settled := a.deps.Data.DataVersion(a.scope.Tenant)
	if !settled { // some may see what is to come already
		cpu.Stop()
		return nil, nil
	}
	v, ok := a.deps.Cache.Load(a.scope.Tenant, key, version)
	if !ok {
		cpu.Stop()
		return nil, nil
	}
	return a.again(v.(*kept), asOf, snapshot, cpu)
}

// Blocker says at once whether a subject may ask at all: a Gate may be one. What costs nothing passes no gate, but
// who may not ask gets no kept answers either.
type Blocker interface {
	Blocked(s usage.Subject, kind usage.Kind) *problem.Problem
}

// again gives a kept answer, and charges what that takes: the CPU since cpu was started, which it stops.
func (a *asking) again(k *kept, asOf time.Time, snapshot string, cpu usage.CPUTime) (*Answer, *problem.Problem) {
	used := cpu.Stop()
	subject := a.subject(k.shape)
	if b, ok := a.deps.Gate.(Blocker); ok {
		if p := b.Blocked(subject, usage.KindQuery); p != nil {
			return nil, p
		}
	}
	if int64(len(k.body)) > a.resultLimit().bytes {
		return nil, a.overResult(a.resultLimit())
	}
	id := a.q.QueryID
	if id == "" {
		id = newEngineID()
	}
	r := usage.Record{Subject: subject, Kind: usage.KindCache, At: time.Now(), CPU: used, BytesOut: uint64(len(k.body)), Count: 1}
	a.tell(r)
	cost := usage.CostOf(a.deps.Pricer, r, 0)
	sum := clickhouse.Summary{ResultRows: k.sum.ResultRows, ResultBytes: k.sum.ResultBytes, Elapsed: r.CPU, CPU: r.CPU}
	return &Answer{Body: io.NopCloser(bytes.NewReader(k.body)), Format: k.format, QueryID: id, AsOf: asOf, Snapshot: snapshot, Cached: true,
		Summary: func() clickhouse.Summary { return sum }, Cost: func() usage.Cost { return cost }}, nil
}

// runAndKeep runs the question. An answer that is small enough is read to its end at once: a slow client holds neither the engine nor those who wait for
// the same answer. It is kept if the tenant's data is still of the version, settled, that it had before the statement was prepared.
func (a *asking) runAndKeep(ctx context.Context, key [32]byte, version uint64, settled bool) (*Answer, *kept, *problem.Problem) {
	ans, p := a.run(ctx)
	if p != nil {
		return nil, nil, p
	}
	bound := a.deps.Cache.EntryBytes()
	start, err := io.ReadAll(io.LimitReader(ans.Body, bound+1))
	if err != nil {
		ans.Body.Close()
		return nil, nil, a.problem(ctx, err)
	}
	if int64(len(start)) > bound {
		ans.Body = joined{io.MultiReader(bytes.NewReader(start), ans.Body), ans.Body}
		return ans, nil, nil
	}
	if spare := cap(start) - len(start); spare > len(start)/8 {
		start = bytes.Clone(start) // what is kept is counted by its length
	}
	k := &kept{body: start, format: ans.Format, shape: a.checked.Shape, asOf: ans.AsOf, snapshot: ans.Snapshot, sum: ans.Summary()}
	if err := ans.Body.Close(); err != nil {
		return nil, nil, a.problem(ctx, errors.Join(clickhouse.ErrUnavailable, err))
	}
	if after, still := a.deps.Data.DataVersion(a.scope.Tenant); settled && still && after == version {
		a.deps.Cache.Store(a.scope.Tenant, key, version, k, len(start)+len(k.snapshot))
	}
	ans.Body = io.NopCloser(bytes.NewReader(start))
	return ans, k, nil
}

// joined is a body whose beginning was read before.
type joined struct {
	io.Reader
	io.Closer
}
