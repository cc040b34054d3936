package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/clickhouse/embedded"
	"weir/internal/damage"
	"weir/internal/deletion"
	"weir/internal/erasable"
	"weir/internal/httpapi"
	"weir/internal/metering"
	"weir/internal/tenant"
	workload "weir/internal/usage" // usage is an adapter here
)

// labelled runs a unit, and the goroutines that it starts, as a component's work.
func labelled(c workload.Component, run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		defer workload.Label(ctx, c, "")()
		return run(ctx)
	}
}

// openMetering opens the ledger and what charges work.
func (a *app) openMetering(ctx context.Context) error {
	cache := pebble.NewCache(4 << 20)
	defer cache.Unref()
	mend := fmt.Sprintf("restore %s from a backup, or stop weir and move it elsewhere: a new ledger begins then, without what was used before", a.dir("metering"))
	log := a.log.With("component", "metering")
	options := &pebble.Options{
		FS: vfs.OnDiskFull(vfs.Default, a.room.wait), Cache: cache, MemTableSize: 4 << 20,
		CompactionConcurrencyRange: func() (int, int) { return 1, 1 }, Logger: pebbleLogger{log},
		Cleaner: erasable.Cleaner{},
	}
	if err := damage.Survive(options, damage.Config{Store: "metering", Mend: mend, Logger: log, Registerer: a.reg}); err != nil {
		return err
	}
	db, err := pebble.Open(a.dir("metering"), options)
	if err != nil {
		return fmt.Errorf("open the ledger: %w", damage.Told(err, mend))
	}
	a.close = append(a.close, db.Close)
	secret, err := a.webhookSecret(ctx)
	if err != nil {
		return err
	}
	c := a.cfg.Prices
	a.meter, err = metering.New(metering.Config{
		DB: db, Engine: engineUsage{a.engine}, Interval: a.cfg.Metering.Interval,
		Book: metering.Book{Currency: c.Currency, CPUSecond: c.CPUSecond, MemoryGBHour: c.MemoryGBHour, ScannedGB: c.ScannedGB, ScannedColdGB: c.ScannedColdGB,
			StoredGBMonth: c.StoredGBMonth, OutGB: c.OutGB, MillionEvents: c.MillionEvents, CacheHits1000: c.CacheHits1000},
		Storage: a.storedBytes, Budget: a.budgetOf, Provider: a.cfg.Metering.Provider, Region: a.cfg.Metering.Region,
		Webhook: metering.WebhookConfig{Secret: secret, AllowPrivate: a.cfg.Metering.WebhookPrivate},
		ShapeText: func(id tenant.ID, shape string) string { // both are open before anybody asks
			return cmp.Or(a.queries.ShapeText(id, shape), a.reports.ShapeText(id, shape))
		},
		Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return fmt.Errorf("open the ledger: %w", damage.Told(err, mend))
	}
	a.close = append(a.close, a.meter.Close)
	a.sink, a.pricer = a.meter, a.meter
	return nil
}

// serveCosts adds the bill to the API.
func (a *app) serveCosts() {
	a.meter.Register(a.api.Huma())
	a.api.Mux().Handle("/api/v1/costs/export", authenticated(a.auth, a.api.Exported(a.meter.Export(func(id tenant.ID) string {
		t, ok := a.catalog.TenantByID(id)
		if !ok || t.Name == "" {
			return string(id)
		}
		return t.Name
	}))))
}

// resources are what a tenant used, for /api/v1/usage.
func (a *app) resources(id tenant.ID, from, to time.Time) (httpapi.Resources, error) {
	sum, amount, currency, err := a.meter.Total(id, from, to)
	return httpapi.Resources{CPUSeconds: sum.CPU, MemoryByteSeconds: sum.MemorySeconds, BytesScanned: sum.Scanned, BytesCold: sum.Cold, BytesOut: sum.Out,
		StoredByteSeconds: sum.ByteSeconds, Amount: amount, Currency: currency}, err
}

// webhookSecret is what tenants' signing keys are made from; made at the first start.
func (a *app) webhookSecret(ctx context.Context) ([]byte, error) {
	const name = "webhook_secret"
	text, err := a.catalog.Setting(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) || err == nil && text == "" {
		text = rand.Text() + rand.Text()
		err = a.catalog.SetSetting(ctx, name, hex.EncodeToString([]byte(text)))
		return []byte(text), err
	}
	if err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("the secret of webhooks in the catalog is damaged: %w", err)
	}
	return raw, nil
}

func (a *app) budgetOf(id tenant.ID) (catalog.Budget, bool) {
	t, ok := a.catalog.TenantByID(id)
	return t.Policy.Budget, ok
}

// engineUsage is the child's measurement of itself.
type engineUsage struct{ engine *embedded.Engine }

func (e engineUsage) Generation() uint64 { return e.engine.Generation() }

func (e engineUsage) UsageSince(ctx context.Context, since uint64) (metering.EngineUsage, error) {
	u, err := e.engine.UsageSince(ctx, since)
	return metering.EngineUsage{CPU: u.CPU, Statement: u.Threads[embedded.ThreadsStatement], Merge: u.Threads[embedded.ThreadsMerge],
		Housekeeping: u.Threads[embedded.ThreadsHousekeeping], Statements: u.Statements, Cursor: u.Cursor}, err
}

const diskSQL = "SELECT toString(sum(bytes_on_disk)) FROM system.parts WHERE active AND database = 'weir'"

// storedBytes shares out what lies on disk: the tables by each tenant's bytes before compression, the log and the stores behind it by what
// arrived of late.
func (a *app) storedBytes(ctx context.Context) (map[tenant.ID]float64, error) {
	var tables float64
	if _, err := a.engine.Client().Rows(ctx, clickhouse.Statement{SQL: diskSQL, Comment: "metering"}, func(row []any) error {
		text, _ := row[0].(string)
		_, err := fmt.Sscan(text, &tables)
		return err
	}); err != nil {
		return nil, err
	}
	tenants, err := a.catalog.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	out := map[tenant.ID]float64{}
	sum := 0.0
	for _, t := range tenants {
		_, bytes := a.processor.Stored(string(t.ID))
		for _, l := range a.catalog.Lookups(t.ID) {
			bytes += l.Bytes
		}
		if bytes > 0 {
			out[t.ID] = float64(bytes)
			sum += float64(bytes)
		}
	}
	for id := range out {
		out[id] *= tables / sum
	}
	logs := 0.0
	for _, dir := range []string{"log", "state", "dedupe"} {
		logs += dirBytes(a.dir(dir))
	}
	for id, share := range a.meter.LogShares() {
		if id != "" {
			out[id] += logs * share
		}
	}
	return out, nil
}

// dirBytes is the size of the files of a directory. Files that go meanwhile do not count.
func dirBytes(dir string) float64 {
	sum := int64(0)
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil
	})
	return float64(sum)
}

// ledger is the place of what a tenant's work used and cost, and of the notices of its budget. What the bill needs may be kept.
func (a *app) ledger(t deletion.Target) deletion.Place {
	p := deletion.Place{Name: "usage and costs",
		Count: func(_ context.Context, t deletion.Target) (deletion.Amount, error) {
			rows, bytes, err := a.meter.RowsOf(t.Tenant, t.KeepBilling)
			return deletion.Amount{Rows: rows, Bytes: bytes}, err
		},
		Forget: func(ctx context.Context, t deletion.Target, _ func(string)) error {
			return a.meter.Forget(ctx, t.Tenant)
		},
	}
	if t.KeepBilling {
		p.Forget = func(ctx context.Context, t deletion.Target, _ func(string)) error { return a.meter.Keep(ctx, t.Tenant) }
		p.Note = "amounts by hour, kind and source are kept for the bill, as was asked; what names users and queries, and the notices of the budget, is removed"
	}
	return p
}
