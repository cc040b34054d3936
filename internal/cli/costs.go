package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CostsCmd is `weir costs`.
type CostsCmd struct {
	Server
	ForTenant
	Output
	By     string `help:"What to tell apart, separated by commas: tenant, source, user, shape, kind, hour, day." default:"tenant,kind"`
	From   string `help:"Start: a time (RFC 3339), or a length such as 7d back from the end; a day ago by default."`
	To     string `help:"End: a time (RFC 3339), or a length back from now; now by default."`
	Limit  int    `help:"Most lines." default:"50"`
	Export string `help:"Write an export in the columns of FOCUS to this file instead; its ending decides: .csv or .parquet. - is CSV on standard output." placeholder:"FILE"`
	Daily  bool   `help:"Days instead of hours in an export."`
}

type costLine struct {
	Tenant    string    `json:"tenant"`
	Hour      time.Time `json:"hour"`
	Kind      string    `json:"kind"`
	Source    string    `json:"source"`
	User      string    `json:"user"`
	Shape     string    `json:"shape"`
	ShapeText string    `json:"shape_text"`
	Amount    float64   `json:"amount"`
	Currency  string    `json:"currency"` // where it is not the answer's
	CPU       float64   `json:"cpu_seconds"`
	Scanned   float64   `json:"bytes_scanned"`
	Cold      float64   `json:"bytes_cold"`
	Events    float64   `json:"events"`
	Requests  float64   `json:"requests"`
}

type costAnswer struct {
	AsOf     time.Time          `json:"as_of"`
	Currency string             `json:"currency"`
	By       []string           `json:"by"`
	Lines    []costLine         `json:"lines"`
	Omitted  int                `json:"omitted_lines"`
	Total    costLine           `json:"total"`
	Others   map[string]float64 `json:"other_currencies"`
	Budget   *struct {
		Month    string  `json:"month"`
		Amount   float64 `json:"amount"`
		Spent    float64 `json:"spent"`
		Action   string  `json:"action"`
		Exceeded bool    `json:"exceeded"`
	} `json:"budget"`
	Installation *struct {
		Tenants  float64 `json:"tenants_cpu_seconds"`
		Overhead float64 `json:"overhead_cpu_seconds"`
		Ratio    float64 `json:"unexplained_ratio"`
	} `json:"installation"`
}

// Run prints what work cost, with a bar for each line's share.
func (c *CostsCmd) Run(ctx context.Context, p *Process) error {
	q := url.Values{}
	for name, v := range map[string]string{"from": c.From, "to": c.To} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if c.Export != "" {
		return c.export(ctx, p.Out, q)
	}
	q.Set("by", c.By)
	q.Set("limit", strconv.Itoa(c.Limit))
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := cl.Do(ctx, http.MethodGet, "/api/v1/costs?"+q.Encode(), nil, &raw); err != nil {
		return err
	}
	var a costAnswer
	if err := json.Unmarshal(raw, &a); err != nil {
		return err
	}
	if err := c.print(p.Out, raw, a.table); err != nil || c.Format == "json" {
		return err
	}
	if a.Omitted > 0 {
		if err := done(p.Out, "%d lines more: raise --limit.", a.Omitted); err != nil {
			return err
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(a.Others)) {
		if err := done(p.Out, "And %s %s, priced before the currency changed.", amount(a.Others[currency]), currency); err != nil {
			return err
		}
	}
	if b := a.Budget; b != nil {
		if err := done(p.Out, "Budget of %s: %s of %s %s used (%.0f %%); at 100 %%: %s.", b.Month, amount(b.Spent), amount(b.Amount), a.Currency, 100*b.Spent/b.Amount, b.Action); err != nil {
			return err
		}
	}
	if i := a.Installation; i != nil {
		if err := done(p.Out, "CPU: tenants %s s, overhead %s s, unexplained %.2f %%.", quantity(i.Tenants), quantity(i.Overhead), 100*i.Ratio); err != nil {
			return err
		}
	}
	return done(p.Out, "As of %s.", when(a.AsOf))
}

func (a *costAnswer) table() grid {
	g := grid{head: slices.Clone(a.By), right: map[int]bool{}}
	n := len(g.head)
	g.head = append(g.head, a.Currency, "CPU s", "GB read", "events", "requests", "share")
	for i := n; i < n+5; i++ {
		g.right[i] = true
	}
	add := func(l costLine, names []string, bar string) {
		g.add(append(names, strings.TrimSpace(amount(l.Amount)+" "+l.Currency), quantity(l.CPU), quantity((l.Scanned+l.Cold)/1e9), quantity(l.Events), quantity(l.Requests), bar)...)
	}
	for _, l := range a.Lines {
		names := make([]string, 0, n+6)
		for _, d := range a.By {
			names = append(names, l.name(d))
		}
		share := bar(l.Amount, a.Total.Amount)
		if l.Currency != "" { // no share of a total in another currency
			share = ""
		}
		add(l, names, share)
	}
	names := make([]string, n, n+6)
	if n > 0 {
		names[0] = "sum"
	}
	add(a.Total, names, "")
	return g
}

// longestShape is how many characters of a query are shown.
const longestShape = 60

func (l *costLine) name(dimension string) string {
	switch dimension {
	case "tenant":
		return orDash(l.Tenant)
	case "kind":
		return orDash(l.Kind)
	case "source":
		return orDash(l.Source)
	case "user":
		return orDash(l.User)
	case "shape":
		text := []rune(l.ShapeText)
		switch {
		case len(text) > longestShape:
			return string(text[:longestShape-1]) + "…"
		case len(text) > 0:
			return string(text)
		}
		return orDash(l.Shape)
	}
	if l.Hour.IsZero() {
		return "-"
	}
	return l.Hour.UTC().Format("2006-01-02 15:04")
}

// bar draws a share of the whole, 20 characters wide.
func bar(part, whole float64) string {
	const width = 20
	if whole <= 0 || part <= 0 {
		return ""
	}
	eighths := int(math.Round(min(1, part/whole) * width * 8))
	s := strings.Repeat("█", eighths/8)
	if r := eighths % 8; r > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[r-1])
	}
	return s
}

// amount shows money with four digits that matter, and cents at least.
func amount(v float64) string {
	if v == 0 {
		return "0.00"
	}
	decimals := max(2, 3-int(math.Floor(math.Log10(math.Abs(v)))))
	return strconv.FormatFloat(v, 'f', min(decimals, 10), 64)
}

// quantity shows three digits that matter, and no fractions of what is large.
func quantity(v float64) string {
	switch {
	case v == 0:
		return "0"
	case math.Abs(v) >= 100 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// export writes the export to a file, which is there whole or not at all.
func (c *CostsCmd) export(ctx context.Context, out io.Writer, q url.Values) (err error) {
	format := ""
	switch {
	case c.Export == "-", strings.HasSuffix(c.Export, ".csv"):
		format = "csv"
	case strings.HasSuffix(c.Export, ".parquet"):
		format = "parquet"
	default:
		return errors.New("--export: the file's name must end in .csv or .parquet")
	}
	q.Set("format", format)
	if c.Daily {
		q.Set("granularity", "day")
	}
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	body, err := cl.Get(ctx, "/api/v1/costs/export?"+q.Encode())
	if err != nil {
		return err
	}
	defer body.Close()
	if c.Export == "-" {
		_, err = io.Copy(out, body)
		return err
	}
	part := c.Export + ".part"
	f, err := os.Create(part)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, c.Export)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return done(out, "Wrote %s.", c.Export)
}
