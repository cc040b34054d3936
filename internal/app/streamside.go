package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/httpapi"
	"weir/internal/problem"
	"weir/internal/stream"
	"weir/internal/stream/profile"
	"weir/internal/tenant"
)

// commonSetting is where the catalog keeps the properties that every tenant has.
const commonSetting = "common_properties"

type storedProperty struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// schemaOf serves /api/v1/schema and /api/v1/properties.
type schemaOf struct {
	processor *stream.Processor
	catalog   catalog.Catalog
	mu        *sync.Mutex   // one change of the common properties at a time
	wait      time.Duration // for what was acknowledged to be stored
}

func newSchema(p *stream.Processor, c catalog.Catalog, wait time.Duration) schemaOf {
	return schemaOf{p, c, new(sync.Mutex), wait}
}

// loadCommon declares what the catalog has. What this version cannot declare is left out: it must not keep weir from starting.
func loadCommon(ctx context.Context, c catalog.Catalog, p *stream.Processor, log *slog.Logger) error {
	text, err := c.Setting(ctx, commonSetting)
	if errors.Is(err, catalog.ErrNotFound) || err == nil && text == "" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the common properties: %w", err)
	}
	var stored []storedProperty
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return fmt.Errorf("read the common properties: %w", err)
	}
	list := make([]event.Property, 0, len(stored))
	for _, s := range stored {
		kind, ok := event.ParsePropertyKind(s.Kind)
		if !ok || !event.NameIsColumn(s.Name) {
			log.Warn("a common property cannot be a column in this version", "property", s.Name, "kind", s.Kind)
			continue
		}
		list = append(list, event.Property{Name: s.Name, Kind: kind})
	}
	return p.SetCommonProperties(list)
}

func (s schemaOf) Schema(_ context.Context, t tenant.ID) (httpapi.TenantSchema, error) {
	known, stats := s.processor.Schema(string(t)), s.processor.Statistics(string(t))
	out := httpapi.TenantSchema{Complete: s.processor.ProfilesComplete(), Rows: stats.Rows, Bytes: stats.Bytes, MaxNames: profile.MaxNames, LeftOut: known.LeftOut, Examples: known.Examples,
		Public: httpapi.PublicNames{Names: known.Public.Names, MaxNames: profile.MaxPublic, Hourly: profile.PublicHourly, LeftOut: known.Public.LeftOut, Examples: known.Public.Examples, Last: known.Public.Last}}
	if n := len(stats.Days); n > 0 {
		out.First, out.Last = dayStart(stats.Days[0].Day), dayStart(stats.Days[n-1].Day)
	}
	for _, q := range known.Properties {
		out.Properties = append(out.Properties, httpapi.SchemaProperty(q))
	}
	return out, nil
}

func dayStart(day int32) time.Time { return time.Unix(int64(day)*24*60*60, 0).UTC() }

func (s schemaOf) CommonProperties(context.Context) ([]event.Property, error) {
	return s.processor.CommonProperties(), nil
}

// ForgetProperties waits as long as a query waits for its token.
func (s schemaOf) ForgetProperties(ctx context.Context, t tenant.ID, names []string, public bool) ([]event.Property, error) {
	wait, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	gone, err := s.processor.ForgetProperties(wait, string(t), names, public)
	switch {
	case errors.Is(err, profile.ErrRebuilding):
		return nil, problem.New(http.StatusServiceUnavailable, "schema_incomplete",
			"after an update, properties are being learned from old events, which would bring the names back: nothing has changed. Try again when GET /api/v1/schema says that it is complete").WithRetry(time.Minute)
	case err != nil && ctx.Err() == nil && wait.Err() != nil:
		return nil, problem.New(http.StatusServiceUnavailable, "not_visible_yet",
			"after %v, events that were acknowledged before are not stored yet; they would bring the names back: nothing has changed. Try again", s.wait).WithRetry(time.Second)
	}
	return gone, err
}

func (s schemaOf) SetCommonProperties(ctx context.Context, list []event.Property) error {
	if name, err := profile.CheckCommon(list); err != nil {
		p := problem.New(http.StatusUnprocessableEntity, "invalid_field", "field properties: %v", err).WithField("properties")
		if name == "" {
			p = p.WithLimit("common_properties", profile.MaxCommon)
		}
		return p
	}
	stored := make([]storedProperty, len(list))
	for i, q := range list {
		stored[i] = storedProperty{q.Name, q.Kind.String()}
	}
	text, err := json.Marshal(stored)
	if err != nil {
		return fmt.Errorf("write the common properties: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.catalog.SetSetting(ctx, commonSetting, string(text)); err != nil {
		return fmt.Errorf("write the common properties: %w", err)
	}
	return s.processor.SetCommonProperties(list)
}
