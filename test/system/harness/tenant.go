package harness

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"weir/internal/client"
)

// StartT starts weir on a directory of the test and kills it when the test ends. Where there is no engine the test is
// skipped, in CI it fails. A test that has a weir of its own calls t.Parallel first, unless it holds a time: most of its own is waiting.
func StartT(t *testing.T, cfg Config) *Server {
	t.Helper()
	if Libchdb() == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("libchdb is missing: run make build, or set WEIR_LIBCHDB")
		}
		t.Skip("libchdb is missing: run make build, or set WEIR_LIBCHDB")
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("weir printed:\n%s", s.Output())
		}
	})
	return s
}

// Tenant is a tenant with one source.
type Tenant struct {
	ID, SiteID, WriteKey      string
	Admin, Analyst, WriterKey string // API keys of these roles
}

// NewTenant creates a tenant with a source "web" and a key of each kind.
func (s *Server) NewTenant(ctx context.Context, id string) (Tenant, error) {
	t := Tenant{ID: id}
	admin := s.Admin()
	if err := admin.Do(ctx, http.MethodPost, "/api/v1/tenants", map[string]string{"id": id, "name": id}, nil); err != nil {
		return t, fmt.Errorf("create tenant %s: %w", id, err)
	}
	var src struct {
		SiteID   string `json:"site_id"`
		WriteKey string `json:"write_key"`
	}
	if err := admin.Do(ctx, http.MethodPost, "/api/v1/tenants/"+id+"/sources", map[string]string{"id": "web"}, &src); err != nil {
		return t, fmt.Errorf("create a source of %s: %w", id, err)
	}
	t.SiteID, t.WriteKey = src.SiteID, src.WriteKey
	for role, key := range map[string]*string{"admin": &t.Admin, "analyst": &t.Analyst, "writer": &t.WriterKey} {
		var made struct {
			Key string `json:"key"`
		}
		if err := admin.Do(ctx, http.MethodPost, "/api/v1/tenants/"+id+"/keys", map[string]string{"role": role, "name": role}, &made); err != nil {
			return t, fmt.Errorf("create a key of %s: %w", id, err)
		}
		*key = made.Key
	}
	return t, nil
}

// Count runs a query whose answer is one number.
func Count(ctx context.Context, c *client.Client, sql string) (int64, error) {
	res, err := c.QueryRows(ctx, client.QueryRequest{SQL: sql})
	if err != nil {
		return 0, err
	}
	if len(res.Data) != 1 || len(res.Data[0]) != 1 {
		return 0, fmt.Errorf("%d rows in the answer to %s", len(res.Data), sql)
	}
	for _, v := range res.Data[0] {
		return strconv.ParseInt(fmt.Sprint(v), 10, 64)
	}
	return 0, nil
}

// WaitCount polls a query whose answer is one number until it is want.
func WaitCount(ctx context.Context, c *client.Client, sql string, want int64) error {
	for {
		got, err := Count(ctx, c, sql)
		if err == nil && got == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s gave %d, want %d (%w, last error: %w)", sql, got, want, ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
