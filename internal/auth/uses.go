package auth

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// UseStore keeps when keys were last used.
type UseStore interface {
	NoteKeyUses(ctx context.Context, uses []catalog.KeyUse) error
}

const (
	useEvery = time.Minute // how often uses are written; also how exact they are
	useParts = 32
)

// uses notes in memory, to the minute, when keys were used, and writes that now and then. What was not written when the process
// dies is lost.
type uses struct {
	part [useParts]struct {
		sync.Mutex
		last map[useKey]int64 // Unix seconds of the minute, since the last writing
	}
}

type useKey struct {
	tenant tenant.ID
	id     string
}

func (u *uses) note(k *catalog.Key, now time.Time) {
	p := &u.part[k.Hash[0]%useParts]
	minute := now.Unix() / 60 * 60
	p.Lock()
	defer p.Unlock()
	key := useKey{k.Tenant, k.ID}
	if p.last[key] >= minute {
		return
	}
	if p.last == nil {
		p.last = map[useKey]int64{}
	}
	p.last[key] = minute
}

func (u *uses) take() []catalog.KeyUse {
	var out []catalog.KeyUse
	for i := range u.part {
		p := &u.part[i]
		p.Lock()
		for k, at := range p.last {
			out = append(out, catalog.KeyUse{Tenant: k.tenant, ID: k.id, At: time.Unix(at, 0).UTC()})
		}
		clear(p.last)
		p.Unlock()
	}
	return out
}

// FlushUses writes when keys were last used since it was last called.
func (a *Authenticator) FlushUses(ctx context.Context, store UseStore) error {
	list := a.uses.take()
	if len(list) == 0 {
		return nil
	}
	return store.NoteKeyUses(ctx, list)
}

// RunUses writes the uses of keys every minute until ctx ends, and then once more.
func (a *Authenticator) RunUses(ctx context.Context, store UseStore, log *slog.Logger) error {
	t := time.NewTicker(useEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if err := a.FlushUses(ctx, store); err != nil && ctx.Err() == nil {
				log.Warn("when keys were last used could not be written", "component", "auth", "error", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			return a.FlushUses(last, store)
		}
	}
}
