package metering

import (
	"context"
	"time"

	"weir/internal/tenant"
)

// sampleStorage returns the byte-seconds that tenants have stored since the last sample; nil when it is not time for one. Bytes are taken to have
// stood since the last sample, at most over ten minutes: a process that was stopped charges nothing for that time.
func (m *Meter) sampleStorage(ctx context.Context) map[tenant.ID]float64 {
	if m.cfg.Storage == nil {
		return nil
	}
	now := m.cfg.Now()
	since := now.Sub(m.storedAt)
	if m.storedAt.IsZero() {
		m.storedAt = now
		return nil
	}
	if since < m.cfg.StorageEvery {
		return nil
	}
	bytes, err := m.cfg.Storage(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.metrics.failures.WithLabelValues("storage").Inc()
			m.log.Debug("stored bytes are not known", "error", err)
		}
		return nil // the next sample covers this interval too
	}
	m.storedAt = now
	out := make(map[tenant.ID]float64, len(bytes))
	for t, n := range bytes {
		if n > 0 {
			out[t] = n * min(since, 10*time.Minute).Seconds()
		}
	}
	return out
}

// LogShares returns each tenant's share of what lies in the log and the stores behind it: of the bytes that arrived of late, which fade
// over a day. It sums up to 1, or is empty when nothing has arrived.
func (m *Meter) LogShares() map[tenant.ID]float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[tenant.ID]float64{}
	m.disk.each(1, func(o owner, part float64) { out[o.tenant] += part })
	return out
}
