package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/auth"
	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/dedupe"
	"weir/internal/event"
	"weir/internal/eventlog"
	"weir/internal/httpapi"
	"weir/internal/ingest"
	"weir/internal/problem"
	"weir/internal/stream"
	"weir/internal/tenant"
	workload "weir/internal/usage" // usage is an adapter here
)

var errUnavailable = clickhouse.ErrUnavailable

// dedupeSecret is the key of the hashes of event ids, made at the first start and kept in the catalog.
func (a *app) dedupeSecret(ctx context.Context) (dedupe.Secret, error) {
	const name = "dedupe_secret"
	text, err := a.catalog.Setting(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) || err == nil && text == "" {
		var raw [16]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return dedupe.Secret{}, fmt.Errorf("make the secret of event ids: %w", err)
		}
		text = hex.EncodeToString(raw[:])
		if err := a.catalog.SetSetting(ctx, name, text); err != nil {
			return dedupe.Secret{}, err
		}
	} else if err != nil {
		return dedupe.Secret{}, err
	}
	return dedupe.ParseSecret(text)
}

// checkState makes sure that the state store is the one that this data directory has always had. An empty or a foreign one
// would insert again whatever the log still holds.
func (a *app) checkState(ctx context.Context) error {
	const name = "state_id"
	key := []byte("z" + name) // no other key of the state store begins with z
	want, err := a.catalog.Setting(ctx, name)
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return err
	}
	got := ""
	v, closer, err := a.state.Get(key)
	switch {
	case err == nil:
		got = string(v)
		if err := closer.Close(); err != nil {
			return err
		}
	case !errors.Is(err, pebble.ErrNotFound):
		return fmt.Errorf("read the id of the state store: %w", err)
	}
	if want == "" { // the first start, or one that ended before it was noted
		if got == "" {
			got = rand.Text()
			if err := a.state.Set(key, []byte(got), pebble.Sync); err != nil {
				return fmt.Errorf("write the id of the state store: %w", err)
			}
		}
		return a.catalog.SetSetting(ctx, name, got)
	}
	if got != want {
		return fmt.Errorf("%s is not the state store of this data directory: it is empty or comes from elsewhere, and going on would store again what the log still holds; "+
			"restore the whole data directory from one backup", a.dir("state"))
	}
	return nil
}

// dedupeQuota is how many event ids of a tenant are kept.
func (a *app) dedupeQuota(number uint32) int64 {
	t, ok := a.catalog.TenantByNumber(number)
	if !ok {
		return 0
	}
	return t.Limits.DedupeKeys
}

// libraryPath is where libchdb is said to be; empty: embedded.FindLibrary looks for it.
func (a *app) libraryPath() string {
	if a.cfg.Libchdb != "" {
		return a.cfg.Libchdb
	}
	return os.Getenv("WEIR_LIBCHDB")
}

// counted makes batches durable, at the pace of the processor, and tells the accounting of them.
type counted struct {
	*eventlog.Gatherer
	processor *stream.Processor
}

func (c counted) Append(ctx context.Context, partition uint16, b *event.Batch) (uint64, error) {
	if wait := c.processor.Pace(stream.TenantOf(b)); wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-t.C:
		}
	}
	off, err := c.Gatherer.Append(ctx, partition, b)
	if err == nil {
		c.processor.Appended(b)
	}
	return off, err
}

// account passes on what the doors decide. Accepted events are counted by counted, from the rows themselves.
type account struct{ processor *stream.Processor }

func (a account) Accepted(tenant.ID, string, int) {}

func (a account) Received(t tenant.ID, bytes int) { a.processor.Received(string(t), time.Now(), bytes) }

func (a account) Rejected(t tenant.ID, site string, r ingest.Rejection) {
	a.processor.Rejected(string(t), site, stream.Rejection{Code: r.Code, Count: uint64(r.Count), At: time.Now(), Door: r.Door, Field: r.Field, Message: r.Message, Example: r.Example})
}

func (a account) WantsExample(t tenant.ID, site, code, door string) bool {
	return a.processor.WantsExample(string(t), site, code, door)
}

// usage serves /api/v1/usage from the processor's accounting.
type usage struct {
	processor *stream.Processor
	catalog   catalog.Catalog
}

func (u usage) Usage(_ context.Context, t tenant.ID, from, to time.Time) ([]httpapi.UsageRow, error) {
	hours, err := u.processor.Usage(string(t), from, to)
	if err != nil {
		return nil, err
	}
	rows := make([]httpapi.UsageRow, 0, len(hours))
	for _, h := range hours {
		rows = append(rows, httpapi.UsageRow{
			Hour: h.Hour, Received: h.Received, Stored: h.Stored, Deduplicated: h.Deduplicated, Rejected: h.Rejected, Filtered: h.Filtered,
			Quarantined: h.Quarantined, Erased: h.Erased, Pending: h.Pending, Conflicts: h.Conflicts, Bytes: h.Bytes,
		})
	}
	return rows, nil
}

func (u usage) Conflict(_ context.Context, t tenant.ID) (*httpapi.ConflictExample, error) {
	c, ok := u.processor.LastConflict(string(t))
	if !ok {
		return nil, nil
	}
	return &httpapi.ConflictExample{SiteID: c.Site, EventID: c.EventID, Type: c.Type, At: c.At}, nil
}

// quarantine serves /api/v1/quarantine.
type quarantine struct {
	processor *stream.Processor
	gatherer  *eventlog.Gatherer
}

func (q quarantine) Quarantine(context.Context) ([]httpapi.QuarantineItem, error) {
	list, err := q.processor.Quarantine()
	items := make([]httpapi.QuarantineItem, len(list))
	for i, r := range list {
		items[i] = httpapi.QuarantineItem(r)
	}
	return items, err
}

func (q quarantine) QuarantineItem(_ context.Context, id string) (httpapi.QuarantineItem, error) {
	r, err := q.processor.QuarantineRecord(id)
	return httpapi.QuarantineItem(r), quarantineError(id, err)
}

func (q quarantine) QuarantineOf(_ context.Context, t tenant.ID) ([]httpapi.QuarantineItem, error) {
	list, err := q.processor.QuarantineOwn(string(t))
	items := make([]httpapi.QuarantineItem, len(list))
	for i, r := range list {
		items[i] = httpapi.QuarantineItem(r)
	}
	return items, err
}

func (q quarantine) QuarantineItemOf(_ context.Context, t tenant.ID, id string) (httpapi.QuarantineItem, error) {
	r, err := q.processor.QuarantinedOf(string(t), id)
	return httpapi.QuarantineItem(r), quarantineError(id, err)
}

func (q quarantine) ReplayQuarantine(ctx context.Context, id string) (int, error) {
	partition, b, err := q.processor.DecodeQuarantine(id)
	if err != nil {
		return 0, quarantineError(id, err)
	}
	for i := range b.Flags() {
		b.Flags()[i] |= event.FlagSenderID // so that a replay that is repeated after a crash is found out
	}
	if _, err := (counted{q.gatherer, q.processor}).Append(ctx, partition, b); err != nil {
		return 0, err
	}
	return b.Rows(), q.processor.DropQuarantine(id)
}

func (q quarantine) DeleteQuarantine(_ context.Context, id string) error {
	return quarantineError(id, q.processor.DropQuarantine(id))
}

func quarantineError(id string, err error) error {
	switch {
	case errors.Is(err, stream.ErrNoQuarantine):
		return httpapi.ErrNotQuarantined(id)
	case errors.Is(err, stream.ErrStillUndecodable):
		return httpapi.ErrNotDecodable(id, err)
	}
	return err
}

// authenticated serves h with the request's principal in its context.
func authenticated(a *auth.Authenticator, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, prob := a.Authenticate(r)
		if prob != nil {
			prob.Write(w)
			return
		}
		component := workload.Control
		if strings.HasPrefix(r.URL.Path, "/api/v1/query") {
			component = workload.Query
		}
		defer workload.Label(r.Context(), component, p.Tenant)()
		h.ServeHTTP(w, r.WithContext(tenant.WithStanding(tenant.With(r.Context(), p), tenant.Standing{Check: func() (tenant.Principal, *problem.Problem) { return a.Authenticate(r) }})))
	})
}

// pebbleLogger passes on what a store has to say. When the store cannot write any more it ends the process: nothing can be
// committed then, and the next start finds everything that was.
type pebbleLogger struct{ log *slog.Logger }

func (l pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) { l.log.Error(fmt.Sprintf(format, args...)) }

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.log.Error("the store cannot go on: " + fmt.Sprintf(format, args...))
	os.Exit(1)
}
