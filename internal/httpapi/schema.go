package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/event"
	"weir/internal/tenant"
)

// Schema knows which properties tenants' events have.
type Schema interface {
	Schema(ctx context.Context, t tenant.ID) (TenantSchema, error)
	// CommonProperties are those that every tenant has, by declaration of the operator.
	CommonProperties(ctx context.Context) ([]event.Property, error)
	// SetCommonProperties replaces them, durably. What cannot be declared is reported as a *problem.Problem.
	SetCommonProperties(ctx context.Context, list []event.Property) error
}

// TenantSchema is what is known of a tenant's events.
type TenantSchema struct {
	Properties []SchemaProperty
	Rows       uint64    // stored
	Bytes      uint64    // of these rows, uncompressed
	First      time.Time // day of the oldest row; zero: there is none
	Last       time.Time // day of the newest row
	Complete   bool      // false while what is older than this knowledge is being learned
	MaxNames   int
	LeftOut    uint64   // values of names beyond MaxNames
	Examples   []string // of such names
}

// SchemaProperty is one property.
type SchemaProperty struct {
	event.Property
	Column      bool // a column of its own
	Common      bool
	Declared    event.PropertyKind // if Common
	OnlyNull    bool
	Traits      event.Traits // of the values that were seen
	Sources     []string
	MoreSources bool
	First, Last time.Time // zero: not seen
}

type schemaColumn struct {
	Name string `json:"name"`
	Type string `json:"type" doc:"As the engine calls it"`
}

type schemaProperty struct {
	Name        string     `json:"name"`
	Kind        string     `json:"kind" enum:"bool,int,float,string"`
	Type        string     `json:"type" doc:"As the engine calls it"`
	Column      bool       `json:"column" doc:"Whether it is a column of its own; otherwise it is read from the maps props and props_num"`
	SQL         string     `json:"sql" doc:"How to write it in a query"`
	Common      bool       `json:"common,omitempty" doc:"Declared by the operator for every tenant"`
	OnlyNull    bool       `json:"only_null,omitempty" doc:"It never had another value; its kind is a guess"`
	Sources     []string   `json:"sources" doc:"The site ids that sent it"`
	MoreSources bool       `json:"more_sources,omitempty" doc:"Others sent it too: 64 sources of a tenant are told apart"`
	FirstSeen   *time.Time `json:"first_seen,omitempty" doc:"Arrival of its first value"`
	LastSeen    *time.Time `json:"last_seen,omitempty" doc:"Day of arrival of its last value"`
}

type schemaLeftOut struct {
	Limit    int      `json:"limit" doc:"How many names a tenant's properties can have"`
	Values   uint64   `json:"values" doc:"Values of further names: they are stored and reached through props and props_num only"`
	Examples []string `json:"examples" doc:"Some of these names"`
}

type schemaOutput struct {
	Body struct {
		Tenant     string           `json:"tenant"`
		Columns    []schemaColumn   `json:"columns"`
		Properties []schemaProperty `json:"properties"`
		LeftOut    schemaLeftOut    `json:"left_out"`
		Rows       uint64           `json:"rows" doc:"Rows stored"`
		Bytes      uint64           `json:"bytes" doc:"Their size as the engine reads them, uncompressed"`
		Complete   bool             `json:"complete" doc:"False while, after an update, properties and sizes of older events are being learned"`
		FirstDay   string           `json:"first_day,omitempty" doc:"Of the events' time, UTC"`
		LastDay    string           `json:"last_day,omitempty"`
	}
}

type commonProperty struct {
	Name string `json:"name" minLength:"1" maxLength:"256"`
	Kind string `json:"kind" enum:"bool,int,float,string"`
}

type commonProperties struct {
	Properties []commonProperty `json:"properties"`
}

type commonInput struct{ Body commonProperties }

type commonOutput struct{ Body commonProperties }

func (a *API) registerSchema() {
	if a.cfg.Schema == nil {
		return
	}
	huma.Register(a.huma, huma.Operation{OperationID: "schema", Method: http.MethodGet, Path: "/api/v1/schema", Tags: []string{"Schema (viewer)"},
		Summary:     "The columns and properties of a tenant's events",
		Description: "A property is here within a second or so of its first event. The operator names the tenant with the header " + tenant.Header + ".",
		Errors:      []int{401, 403, 422}}, a.schema)
	const common = "/api/v1/properties"
	tags := []string{"Schema (operator)"}
	huma.Register(a.huma, huma.Operation{OperationID: "common-properties", Method: http.MethodGet, Path: common, Tags: tags,
		Summary: "The properties that every tenant has", Errors: []int{401, 403}},
		func(ctx context.Context, _ *struct{}) (*commonOutput, error) {
			if _, err := principal(ctx, tenant.RoleOperator); err != nil {
				return nil, err
			}
			return a.commonProperties(ctx)
		})
	huma.Register(a.huma, huma.Operation{OperationID: "set-common-properties", Method: http.MethodPut, Path: common, Tags: tags,
		Summary: "Declare the properties that every tenant has",
		Description: "They are columns of every tenant's events, NULL where an event has none. A tenant that sends other values than the kind " +
			"says gets the column in the kind that holds both. The list replaces the one before.",
		Errors: []int{401, 403, 422}}, a.setCommonProperties)
}

func (a *API) schema(ctx context.Context, _ *struct{}) (*schemaOutput, error) {
	p, err := principal(ctx, tenant.RoleViewer)
	if err != nil {
		return nil, err
	}
	id, prob := p.RequireTenant()
	if prob != nil {
		return nil, prob
	}
	s, err := a.cfg.Schema.Schema(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &schemaOutput{}
	out.Body.Tenant, out.Body.Rows, out.Body.Bytes, out.Body.Complete = string(id), s.Rows, s.Bytes, s.Complete
	if !s.First.IsZero() {
		out.Body.FirstDay, out.Body.LastDay = s.First.Format(time.DateOnly), s.Last.Format(time.DateOnly)
	}
	out.Body.LeftOut = schemaLeftOut{Limit: s.MaxNames, Values: s.LeftOut, Examples: append([]string{}, s.Examples...)}
	for _, c := range event.Columns {
		if c.Visible {
			out.Body.Columns = append(out.Body.Columns, schemaColumn{c.Name, columnType(c)})
		}
	}
	out.Body.Properties = make([]schemaProperty, 0, len(s.Properties))
	for _, q := range s.Properties {
		out.Body.Properties = append(out.Body.Properties, shownProperty(q))
	}
	return out, nil
}

func columnType(c event.Column) string {
	if c.Number == event.ColIsBot {
		return "Bool"
	}
	return c.Kind.Type()
}

func shownProperty(q SchemaProperty) schemaProperty {
	out := schemaProperty{Name: q.Name, Kind: q.Kind.String(), Type: q.Kind.Type(), Column: q.Column, SQL: propertySQL(q), Common: q.Common,
		OnlyNull: q.OnlyNull, Sources: append([]string{}, q.Sources...), MoreSources: q.MoreSources}
	if !q.First.IsZero() {
		out.FirstSeen, out.LastSeen = &q.First, &q.Last
	}
	return out
}

var sqlText = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\x00", `\0`)

// propertySQL is how a property is written in a query. A column's name has neither backquotes nor backslashes.
func propertySQL(q SchemaProperty) string {
	if q.Column {
		return "`" + q.Name + "`"
	}
	name := "['" + sqlText.Replace(q.Name) + "']"
	if q.Kind == event.PropInt || q.Kind == event.PropFloat {
		return "props_num" + name
	}
	return "props" + name
}

func (a *API) commonProperties(ctx context.Context) (*commonOutput, error) {
	list, err := a.cfg.Schema.CommonProperties(ctx)
	if err != nil {
		return nil, err
	}
	out := &commonOutput{commonProperties{[]commonProperty{}}}
	for _, q := range list {
		out.Body.Properties = append(out.Body.Properties, commonProperty{q.Name, q.Kind.String()})
	}
	return out, nil
}

func (a *API) setCommonProperties(ctx context.Context, in *commonInput) (*commonOutput, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	list := make([]event.Property, len(in.Body.Properties))
	for i, q := range in.Body.Properties {
		kind, ok := event.ParsePropertyKind(q.Kind)
		if !ok {
			return nil, invalid("properties", "the property %q has the kind %q: say bool, int, float or string", q.Name, q.Kind)
		}
		list[i] = event.Property{Name: q.Name, Kind: kind}
	}
	if err := a.cfg.Schema.SetCommonProperties(ctx, list); err != nil {
		return nil, err
	}
	return a.commonProperties(ctx)
}
