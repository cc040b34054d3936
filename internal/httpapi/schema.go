package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// Schema knows which properties tenants' events have.
type Schema interface {
	Schema(ctx context.Context, t tenant.ID) (TenantSchema, error)
	// CommonProperties are those that every tenant has, by declaration of the operator.
	CommonProperties(ctx context.Context) ([]event.Property, error)
	// ForgetProperties takes names of a tenant's properties away, durably, and with public those that only senders without a key have sent. It returns those that there were. That it
	// cannot be done now is reported as a *problem.Problem.
	ForgetProperties(ctx context.Context, t tenant.ID, names []string, public bool) ([]event.Property, error)
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
	Public     PublicNames
}

// PublicNames is what is known of names of properties that only senders without a key have sent.
type PublicNames struct {
	Names, MaxNames, Hourly int // there are; there may be; of a source and hour
	LeftOut                 uint64
	Examples                []string
	Last                    time.Time // day of arrival of the last value that was left out; zero: there is none
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
	Public      bool      // only senders without a key have sent it
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
	Public      bool       `json:"public,omitempty" doc:"Only senders without a key have sent it: whoever knows a site's public id"`
	FirstSeen   *time.Time `json:"first_seen,omitempty" doc:"Arrival of its first value since it became known, or came back"`
	LastSeen    *time.Time `json:"last_seen,omitempty" doc:"Day of arrival of its last value"`
}

type schemaLeftOut struct {
	Limit    int               `json:"limit" doc:"How many names a tenant's properties can have"`
	Values   uint64            `json:"values" doc:"Values of further names: they are stored and reached through props and props_num only"`
	Examples []string          `json:"examples" doc:"Some of these names"`
	Public   schemaPublicNames `json:"public" doc:"The same of names that only senders without a key have sent: they have a share of the names, and make room for names that come with a key"`
}

type schemaPublicNames struct {
	Names     int      `json:"names" doc:"How many there are"`
	Limit     int      `json:"limit" doc:"How many there may be"`
	HourLimit int      `json:"hour_limit" doc:"How many new ones of a source in an hour"`
	Values    uint64   `json:"values" doc:"Values of names for which there was no place"`
	Examples  []string `json:"examples" doc:"The latest of these names"`
	LastDay   string   `json:"last_day,omitempty" doc:"Day of arrival of the last such value, UTC"`
}

type forgetInput struct {
	Name   []string `query:"name,explode" maxItems:"100" doc:"A property; repeat it for several, at most 100"`
	Public bool     `query:"public" doc:"All that only senders without a key have sent"`
}

type forgottenProperty struct {
	Name string `json:"name"`
	Kind string `json:"kind" enum:"bool,int,float,string" doc:"That it had"`
}

type forgetOutput struct {
	Body struct {
		Forgotten []forgottenProperty `json:"forgotten"`
		Unknown   []string            `json:"unknown" doc:"Names that the tenant's events do not have, or have no more"`
	}
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
	huma.Register(a.huma, huma.Operation{OperationID: "forget-properties", Method: http.MethodDelete, Path: "/api/v1/schema/properties", Tags: []string{"Schema (tenant admin)"},
		Summary:     "Take properties out of a tenant's schema",
		Description: forgetDoc + " The operator names the tenant with the header " + tenant.Header + ".",
		Errors:      []int{401, 403, 404, 422, 503}}, a.forgetProperties)
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
	out.Body.LeftOut = schemaLeftOut{Limit: s.MaxNames, Values: s.LeftOut, Examples: append([]string{}, s.Examples...), Public: shownPublic(s.Public)}
	for _, c := range event.Columns {
		if c.Visible {
			out.Body.Columns = append(out.Body.Columns, schemaColumn{c.Name, c.TableType()})
		}
	}
	out.Body.Properties = make([]schemaProperty, 0, len(s.Properties))
	for _, q := range s.Properties {
		out.Body.Properties = append(out.Body.Properties, shownProperty(q))
	}
	return out, nil
}

func shownPublic(p PublicNames) schemaPublicNames {
	out := schemaPublicNames{Names: p.Names, Limit: p.MaxNames, HourLimit: p.Hourly, Values: p.LeftOut, Examples: append([]string{}, p.Examples...)}
	if !p.Last.IsZero() {
		out.LastDay = p.Last.Format(time.DateOnly)
	}
	return out
}

const forgetDoc = `Their columns go from SQL, and they need no places among the names any more; those that the operator declared stay columns, of the declared kind. The events stay as they are, and props['name'] and
props_num['name'] still read them. A name comes back with the next event that has it, of the kind of what is sent from then on: so a number whose column became text, for one event had a text, is mended when the sender is. Where older events
hold what is not of the new kind, the column is NULL. The answer waits until what was acknowledged before is stored, which brings no name back; while that takes too long it is a 503, and nothing has changed.`

func (a *API) forgetProperties(ctx context.Context, in *forgetInput) (*forgetOutput, error) {
	p, err := principal(ctx, tenant.RoleAdmin)
	if err != nil {
		return nil, err
	}
	id, prob := p.RequireTenant()
	switch {
	case prob != nil:
		return nil, prob
	case len(in.Name) == 0 && !in.Public:
		return nil, invalid("name", "no property is named: add ?name=…, once for each, or ?public=true")
	}
	gone, err := a.cfg.Schema.ForgetProperties(ctx, id, in.Name, in.Public)
	if err != nil {
		return nil, err
	}
	out := &forgetOutput{}
	out.Body.Forgotten, out.Body.Unknown = []forgottenProperty{}, []string{}
	for _, q := range gone {
		out.Body.Forgotten = append(out.Body.Forgotten, forgottenProperty{q.Name, q.Kind.String()})
	}
	for _, name := range in.Name {
		if !slices.ContainsFunc(gone, func(q event.Property) bool { return q.Name == name }) && !slices.Contains(out.Body.Unknown, name) {
			out.Body.Unknown = append(out.Body.Unknown, name)
		}
	}
	if len(gone) == 0 && !in.Public {
		return nil, problem.New(http.StatusNotFound, "not_found", "the tenant's events have no property %q: GET /api/v1/schema lists those that they have", out.Body.Unknown[0]).WithField("name")
	}
	return out, nil
}

func shownProperty(q SchemaProperty) schemaProperty {
	out := schemaProperty{Name: q.Name, Kind: q.Kind.String(), Type: q.Kind.Type(), Column: q.Column, SQL: propertySQL(q), Common: q.Common,
		OnlyNull: q.OnlyNull, Sources: append([]string{}, q.Sources...), MoreSources: q.MoreSources, Public: q.Public}
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
