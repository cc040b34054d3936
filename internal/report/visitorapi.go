package report

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// registerVisitors adds the questions about a visitor whose id no path can have: . and .. are taken for directories on the way, and long ids are more than an address may be.
func registerVisitors(api huma.API, r *Reporter) {
	op := huma.Operation{OperationID: "visitor-by-id", Method: http.MethodGet, Path: basePath + "/visitors", Tags: []string{"analytics"}, Summary: "What is known of a visitor, whatever the id",
		Description: "As /visitors/{visitor}, for ids that no path can have, such as . and ..", Responses: answerOf[Visitor](api, "Visitor"), Errors: []int{403, 404, 422}}
	huma.Register(api, op, func(ctx context.Context, in *visitorQuery) (*served, error) {
		return r.getVisitor(ctx, &visitorInput{in.SiteID, in.Visitor})
	})
	op.OperationID, op.Method, op.Summary = "visitor-post", http.MethodPost, "What is known of a visitor, asked in JSON"
	op.Description = "As /visitors/{visitor}, for ids that do not fit into an address."
	huma.Register(api, op, func(ctx context.Context, in *visitorBody) (*served, error) {
		return r.getVisitor(ctx, &visitorInput{in.SiteID, in.Body.Visitor})
	})
	huma.Register(api, huma.Operation{OperationID: "person-by-id", Method: http.MethodGet, Path: basePath + "/people", Tags: []string{"analytics"}, Summary: "A person, whatever the id",
		Description: "As /people/{id}, for ids that no path can have, such as . and ..", Responses: answerOf[Person](api, "Person"), Errors: []int{403, 422}}, func(ctx context.Context, in *personQuery) (*served, error) {
		return r.getPerson(ctx, &personInput{in.SiteID, in.ID})
	})
}

type personQuery struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	ID     string `query:"id" doc:"Any id of the person."`
}

type visitorQuery struct {
	SiteID  string `path:"site_id" doc:"The source's site_id or an alias of it."`
	Visitor string `query:"visitor" doc:"A client id, or the user id of events without one."`
}

type visitorBody struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	Body   struct {
		Visitor string `json:"visitor" doc:"A client id, or the user id of events without one."`
	}
}
