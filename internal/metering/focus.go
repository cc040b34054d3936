package metering

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"weir/internal/damage"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Charge is a row of an export, in the columns of FOCUS 1.0 (FinOps Open Cost and Usage Specification). Columns that the specification requires
// and that have no meaning here are null.
type Charge struct {
	AvailabilityZone           *string   `parquet:"AvailabilityZone,optional"`
	BilledCost                 float64   `parquet:"BilledCost"`
	BillingAccountId           string    `parquet:"BillingAccountId"`
	BillingAccountName         string    `parquet:"BillingAccountName"`
	BillingCurrency            string    `parquet:"BillingCurrency"`
	BillingPeriodEnd           time.Time `parquet:"BillingPeriodEnd,timestamp(millisecond)"`
	BillingPeriodStart         time.Time `parquet:"BillingPeriodStart,timestamp(millisecond)"`
	ChargeCategory             string    `parquet:"ChargeCategory"`
	ChargeClass                *string   `parquet:"ChargeClass,optional"`
	ChargeDescription          string    `parquet:"ChargeDescription"`
	ChargeFrequency            string    `parquet:"ChargeFrequency"`
	ChargePeriodEnd            time.Time `parquet:"ChargePeriodEnd,timestamp(millisecond)"`
	ChargePeriodStart          time.Time `parquet:"ChargePeriodStart,timestamp(millisecond)"`
	CommitmentDiscountCategory *string   `parquet:"CommitmentDiscountCategory,optional"`
	CommitmentDiscountId       *string   `parquet:"CommitmentDiscountId,optional"`
	CommitmentDiscountName     *string   `parquet:"CommitmentDiscountName,optional"`
	CommitmentDiscountStatus   *string   `parquet:"CommitmentDiscountStatus,optional"`
	CommitmentDiscountType     *string   `parquet:"CommitmentDiscountType,optional"`
	ConsumedQuantity           float64   `parquet:"ConsumedQuantity"`
	ConsumedUnit               string    `parquet:"ConsumedUnit"`
	ContractedCost             float64   `parquet:"ContractedCost"`
	ContractedUnitPrice        float64   `parquet:"ContractedUnitPrice"`
	EffectiveCost              float64   `parquet:"EffectiveCost"`
	InvoiceIssuerName          string    `parquet:"InvoiceIssuerName"`
	ListCost                   float64   `parquet:"ListCost"`
	ListUnitPrice              float64   `parquet:"ListUnitPrice"`
	PricingCategory            string    `parquet:"PricingCategory"`
	PricingQuantity            float64   `parquet:"PricingQuantity"`
	PricingUnit                string    `parquet:"PricingUnit"`
	ProviderName               string    `parquet:"ProviderName"`
	PublisherName              string    `parquet:"PublisherName"`
	RegionId                   string    `parquet:"RegionId"`
	RegionName                 string    `parquet:"RegionName"`
	ResourceId                 string    `parquet:"ResourceId"`
	ResourceName               string    `parquet:"ResourceName"`
	ResourceType               string    `parquet:"ResourceType"`
	ServiceCategory            string    `parquet:"ServiceCategory"`
	ServiceName                string    `parquet:"ServiceName"`
	SkuId                      string    `parquet:"SkuId"`
	SkuPriceId                 string    `parquet:"SkuPriceId"`
	SubAccountId               string    `parquet:"SubAccountId"`
	SubAccountName             string    `parquet:"SubAccountName"`
	Tags                       string    `parquet:"Tags"` // JSON object
}

// chargeOf makes the row of one priced thing.
func (m *Meter) chargeOf(k Key, s *sku, b *Book, quantity float64, name string) (Charge, error) {
	named := map[string]string{"weir:kind": string(k.Kind)}
	if k.Source != "" {
		named["weir:source"] = k.Source
	}
	tags, err := json.Marshal(named)
	if err != nil {
		return Charge{}, fmt.Errorf("export: %w", err)
	}
	from, to := timeOf(k.Hour), timeOf(k.Hour+1)
	if k.Day {
		_, end := segment(m.priceList(), k.Hour)
		to = timeOf(end)
	}
	month := monthOf(from)
	cost, price := quantity*s.price(b), s.price(b)
	resource, kind := k.Source, "Source"
	if resource == "" {
		resource, kind = string(k.Tenant), "Tenant"
	}
	return Charge{
		BilledCost: cost, EffectiveCost: cost, ListCost: cost, ContractedCost: cost, ListUnitPrice: price, ContractedUnitPrice: price,
		BillingAccountId: m.cfg.Provider, BillingAccountName: m.cfg.Provider, BillingCurrency: b.Currency,
		BillingPeriodStart: month, BillingPeriodEnd: month.AddDate(0, 1, 0), ChargePeriodStart: from, ChargePeriodEnd: to,
		ChargeCategory: "Usage", ChargeDescription: s.name + " of " + string(k.Kind), ChargeFrequency: "Usage-Based",
		ConsumedQuantity: quantity, ConsumedUnit: s.unit, PricingQuantity: quantity, PricingUnit: s.unit, PricingCategory: "Standard",
		ProviderName: m.cfg.Provider, PublisherName: m.cfg.Provider, InvoiceIssuerName: m.cfg.Provider, RegionId: m.cfg.Region, RegionName: m.cfg.Region,
		ResourceId: resource, ResourceName: resource, ResourceType: kind, ServiceCategory: categoryOf(k.Kind), ServiceName: "weir " + string(k.Kind),
		SkuId: s.id, SkuPriceId: s.id, SubAccountId: string(k.Tenant), SubAccountName: name, Tags: string(tags),
	}, nil
}

// leastQuantity is below what can be measured: sums that were corrected to nothing differ from zero by less.
const leastQuantity = 1e-12

// categoryOf is the category of a service: one for each, as the specification asks.
func categoryOf(k usage.Kind) string {
	if k == usage.KindStorage {
		return "Storage"
	}
	return "Analytics"
}

// charges calls fn with the rows of an export, by tenant and time: one for each priced thing that a source used for a kind of work in an hour (or day).
func (m *Meter) charges(t tenant.ID, all bool, from, to time.Time, daily bool, name func(tenant.ID) string, fn func(Charge) error) error {
	type group struct {
		Key
		book *Book
	}
	var order []group
	sums := map[group]*Amounts{}
	var current tenant.ID
	prices := m.priceList()
	flush := func() error {
		for _, g := range order {
			for i := range skus {
				q := skus[i].quantity(g.Kind, sums[g])
				if math.Abs(q) < leastQuantity {
					continue
				}
				c, err := m.chargeOf(g.Key, &skus[i], g.book, q, name(g.Tenant))
				if err == nil {
					err = fn(c)
				}
				if err != nil {
					return err
				}
			}
		}
		order = order[:0]
		clear(sums)
		return nil
	}
	err := m.ledger.Scan(t, all, hourOf(from), hourOf(to.Add(time.Hour-1)), func(k Key, a Amounts) error {
		if k.Tenant == "" {
			return nil // nobody pays for it
		}
		if k.Tenant != current {
			if err := flush(); err != nil {
				return err
			}
			current = k.Tenant
		}
		g := group{Key{Tenant: k.Tenant, Hour: k.Hour, Day: k.Day || daily, Kind: k.Kind, Source: k.Source}, m.book(k.Hour)}
		if g.Day {
			g.Hour, _ = segment(prices, k.Hour)
		}
		if sums[g] == nil {
			sums[g] = &Amounts{}
			order = append(order, g)
		}
		sums[g].Add(a)
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// Export serves GET /api/v1/costs/export. The request's context has the principal. name tells a tenant's name.
func (m *Meter) Export(name func(tenant.ID) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.export(w, r, name); err != nil {
			err.Write(w)
		}
	})
}

// export answers; a problem is one that came up before the first byte.
func (m *Meter) export(w http.ResponseWriter, r *http.Request, name func(tenant.ID) string) *problem.Problem {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		return problem.New(http.StatusMethodNotAllowed, "method_not_allowed", "exports take GET, not %s", r.Method)
	}
	id, all, err := admin(r.Context())
	if err != nil {
		if p, ok := err.(*problem.Problem); ok {
			return p
		}
		return problem.New(http.StatusUnauthorized, "unauthorized", "send a key of an admin, or the operator's token")
	}
	format, daily, from, to, prob := m.exportQuery(r)
	if prob != nil {
		return prob
	}
	file := fmt.Sprintf("weir-costs-%s-%s.%s", from.Format("20060102"), to.Format("20060102"), format)
	h := w.Header()
	h.Set("Content-Disposition", `attachment; filename="`+file+`"`)
	h.Set("Cache-Control", "no-store")
	sent := &begun{w: w}
	var out interface {
		write(Charge) error
		close() error
	}
	if format == "csv" {
		h.Set("Content-Type", "text/csv; charset=utf-8")
		out = newCSV(sent)
	} else {
		h.Set("Content-Type", "application/vnd.apache.parquet")
		out = newParquet(sent)
	}
	err = m.charges(id, all, from, to, daily, name, out.write)
	if err == nil {
		err = out.close()
	}
	if p := damage.Problem(err); p != nil && !sent.any {
		h.Del("Content-Disposition")
		return p
	}
	if err != nil && r.Context().Err() == nil {
		m.log.Error("an export broke off", "error", err)
		panic(http.ErrAbortHandler) // so that the client sees that the file is cut off
	}
	return nil
}

// begun knows whether something was written.
type begun struct {
	w   io.Writer
	any bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.any = true
	return b.w.Write(p)
}

func (m *Meter) exportQuery(r *http.Request) (format string, daily bool, from, to time.Time, prob *problem.Problem) {
	var in Range
	format = "csv"
	for key, values := range r.URL.Query() {
		v := values[len(values)-1]
		var err error
		switch key {
		case "from":
			in.From = v
		case "to":
			in.To = v
		case "format":
			if format = v; v != "csv" && v != "parquet" {
				err = fmt.Errorf("want csv or parquet")
			}
		case "granularity":
			if daily = v == "day"; v != "day" && v != "hour" {
				err = fmt.Errorf("want hour or day")
			}
		default:
			err = fmt.Errorf("there is no such parameter: there are from, to, format, granularity")
		}
		if err != nil {
			return format, daily, from, to, problem.New(http.StatusUnprocessableEntity, "invalid", "%s: %v", key, err).WithField(key)
		}
	}
	from, to, prob = in.resolve(m.cfg.Now(), 31*24*time.Hour)
	return format, daily, from, to, prob
}

// csvCharges writes CSV.
type csvCharges struct{ w *csv.Writer }

// chargeColumns are the names of the columns.
var chargeColumns = func() (names []string) {
	t := reflect.TypeFor[Charge]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("parquet"), ",")
		names = append(names, name)
	}
	return names
}()

func newCSV(w io.Writer) *csvCharges {
	c := &csvCharges{csv.NewWriter(w)}
	_ = c.w.Write(chargeColumns) // the writer keeps the error for close
	return c
}

func (c *csvCharges) write(ch Charge) error {
	v := reflect.ValueOf(ch)
	cells := make([]string, v.NumField())
	for i := range cells {
		switch x := v.Field(i).Interface().(type) {
		case string:
			cells[i] = harmless(x)
		case float64:
			cells[i] = strconv.FormatFloat(x, 'f', -1, 64)
		case time.Time:
			cells[i] = x.UTC().Format(time.RFC3339)
		}
	}
	return c.w.Write(cells)
}

// harmless keeps a spreadsheet from taking a name as a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (c *csvCharges) close() error {
	c.w.Flush()
	return c.w.Error()
}

// parquetCharges writes Parquet.
type parquetCharges struct {
	w   *parquet.GenericWriter[Charge]
	buf []Charge
}

func newParquet(w io.Writer) *parquetCharges {
	return &parquetCharges{w: parquet.NewGenericWriter[Charge](w, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("weir", "", ""))}
}

func (p *parquetCharges) write(c Charge) error {
	p.buf = append(p.buf, c)
	if len(p.buf) < 1000 {
		return nil
	}
	return p.flush()
}

func (p *parquetCharges) flush() error {
	_, err := p.w.Write(p.buf)
	p.buf = p.buf[:0]
	return err
}

func (p *parquetCharges) close() error {
	if err := p.flush(); err != nil {
		return err
	}
	return p.w.Close()
}
