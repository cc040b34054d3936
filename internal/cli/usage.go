package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// UsageCmd is `weir usage`.
type UsageCmd struct {
	Server
	ForTenant
	Output
	From string `help:"Start: a time (RFC 3339), or a length such as 7d back from the end; a day ago by default."`
	To   string `help:"End: a time (RFC 3339), or a length back from now; now by default."`
}

type usageHour struct {
	Tenant       string    `json:"tenant"`
	Hour         time.Time `json:"hour"`
	Received     uint64    `json:"received"`
	Stored       uint64    `json:"stored"`
	Deduplicated uint64    `json:"deduplicated"`
	Rejected     uint64    `json:"rejected"`
	Filtered     uint64    `json:"filtered"`
	Quarantined  uint64    `json:"quarantined"`
	Erased       uint64    `json:"erased"`
	Pending      uint64    `json:"pending"`
	Conflicts    uint64    `json:"conflicts"`
	Bytes        uint64    `json:"bytes"`
}

func (h usageHour) cells(label string) []string {
	out := []string{h.Tenant, label}
	for _, n := range []uint64{h.Received, h.Stored, h.Deduplicated, h.Rejected, h.Filtered, h.Quarantined, h.Erased, h.Pending, h.Conflicts, h.Bytes} {
		out = append(out, strconv.FormatUint(n, 10))
	}
	return out
}

// Run prints the accounting by tenant and hour, and each tenant's sum.
func (c *UsageCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	q := url.Values{}
	for name, v := range map[string]string{"from": c.From, "to": c.To} {
		if v != "" {
			q.Set(name, v)
		}
	}
	path := "/api/v1/usage"
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	var raw json.RawMessage
	if err := cl.Do(ctx, http.MethodGet, path, nil, &raw); err != nil {
		return err
	}
	var u struct {
		Hours  []usageHour `json:"hours"`
		Totals []usageHour `json:"totals"`
	}
	if err := json.Unmarshal(raw, &u); err != nil {
		return err
	}
	return c.print(p.Out, raw, func() grid {
		g := grid{head: []string{"tenant", "hour", "received", "stored", "deduplicated", "rejected", "filtered", "quarantined", "erased", "pending", "conflicts", "bytes"}, right: map[int]bool{}}
		for i := 2; i < len(g.head); i++ {
			g.right[i] = true
		}
		for _, h := range u.Hours {
			g.add(h.cells(h.Hour.UTC().Format("2006-01-02 15:04"))...)
		}
		for _, t := range u.Totals {
			g.add(t.cells("sum")...)
		}
		return g
	})
}
