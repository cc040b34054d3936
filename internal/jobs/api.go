package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// View is a job as the API shows it.
type View struct {
	ID       string           `json:"id"`
	Kind     string           `json:"kind" example:"query"`
	Title    string           `json:"title,omitempty" doc:"What it does, for people"`
	Tenant   tenant.ID        `json:"tenant,omitempty"`
	Owner    string           `json:"owner" doc:"Who started it"`
	State    State            `json:"state" enum:"queued,running,done,failed,cancelled"`
	Progress Progress         `json:"progress"`
	WaitsFor *Wait            `json:"waits_for,omitempty" doc:"What a running job waits for before its work begins"`
	Created  time.Time        `json:"created"`
	Started  *time.Time       `json:"started,omitempty"`
	Ended    *time.Time       `json:"ended,omitempty"`
	Expires  *time.Time       `json:"expires,omitempty" doc:"When the job is removed with its result"`
	Error    *problem.Problem `json:"error,omitempty" doc:"Why it failed"`
	Result   *resultView      `json:"result,omitempty"`
}

type resultView struct {
	URL string `json:"url"`
	Result
}

// Path is where a job is shown.
func Path(id string) string { return "/jobs/" + id }

// View is the job as the API shows it.
func (j Job) View() View {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	v := View{ID: j.ID, Kind: j.Kind, Title: j.Title, Tenant: j.Tenant(), Owner: j.Owner(), State: j.State, Progress: j.Progress, WaitsFor: j.Waits,
		Created: j.Created, Started: at(j.Started), Ended: at(j.Ended), Expires: at(j.Expires), Error: j.Error}
	if j.Result != nil {
		v.Result = &resultView{Path(j.ID) + "/result", *j.Result}
	}
	return v
}

// WriteAccepted answers a request that has started a job: 202, with its place and the job itself.
func WriteAccepted(w http.ResponseWriter, j Job) {
	h := w.Header()
	h.Set("Location", Path(j.ID))
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(j.View()) // the client has gone if this fails
}

type jobPath struct {
	ID string `path:"id" maxLength:"64" doc:"The job's id"`
}

type jobOutput struct{ Body View }

type listInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most jobs of the answer"`
}

type listOutput struct {
	Body struct {
		Jobs []View `json:"jobs"`
	}
}

// deleteOutput has no body when the job was removed.
type deleteOutput struct {
	Status int
	Body   View
}

type api struct{ jobs *Jobs }

// Mount adds the endpoints to an API. The request's context must carry the principal.
func (js *Jobs) Mount(h huma.API) {
	a := api{js}
	tags := []string{"jobs"}
	huma.Register(h, huma.Operation{OperationID: "list-jobs", Method: http.MethodGet, Path: "/jobs", Tags: tags, Summary: "List jobs",
		Description: "Newest first: one's own, for an admin those of the tenant, for the operator all (or those of the tenant that it names).",
		Errors:      []int{401}}, a.list)
	huma.Register(h, huma.Operation{OperationID: "get-job", Method: http.MethodGet, Path: "/jobs/{id}", Tags: tags, Summary: "Show a job",
		Description: "For its owner, an admin of its tenant, and the operator; to others it does not exist.", Errors: []int{401, 404}}, a.get)
	huma.Register(h, huma.Operation{OperationID: "delete-job", Method: http.MethodDelete, Path: "/jobs/{id}", DefaultStatus: http.StatusOK, Tags: tags,
		Summary: "Cancel or remove a job", Description: "A job that waits or runs is cancelled (200, with the job). One that has ended is removed with its result (204).",
		Errors: []int{401, 404, 409}}, a.delete)
	huma.Register(h, huma.Operation{OperationID: "get-job-result", Method: http.MethodGet, Path: "/jobs/{id}/result", Tags: tags, Summary: "Get the result of a job",
		Description: "In the content type that the job names. Range requests are served. The result of a query is refused (403) to whoever could not get it now: whose role is lower than the one it was made under, or has other masks.", Errors: []int{401, 403, 404, 409, 416},
		Responses: map[string]*huma.Response{"200": {Description: "The result", Content: map[string]*huma.MediaType{"application/octet-stream": {}}}},
	}, a.result)
}

func notFound(id string) *problem.Problem {
	return problem.New(http.StatusNotFound, "job_not_found", "there is no job %q (any more), or it is not yours: results are kept for a day by default", id).WithField("id")
}

// problemOf turns ErrNotFound into what is answered.
func problemOf(id string, err error) error {
	if errors.Is(err, ErrNotFound) {
		return notFound(id)
	}
	return err
}

func (a api) list(ctx context.Context, in *listInput) (*listOutput, error) {
	p, err := tenant.From(ctx)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Jobs = []View{}
	for _, j := range a.jobs.List(p, in.Limit) {
		out.Body.Jobs = append(out.Body.Jobs, j.View())
	}
	return out, nil
}

func (a api) get(ctx context.Context, in *jobPath) (*jobOutput, error) {
	p, err := tenant.From(ctx)
	if err != nil {
		return nil, err
	}
	j, err := a.jobs.Get(p, in.ID)
	if err != nil {
		return nil, problemOf(in.ID, err)
	}
	return &jobOutput{j.View()}, nil
}

func (a api) delete(ctx context.Context, in *jobPath) (*deleteOutput, error) {
	p, err := tenant.From(ctx)
	if err != nil {
		return nil, err
	}
	j, removed, err := a.jobs.Cancel(p, in.ID)
	if err != nil {
		return nil, problemOf(in.ID, err)
	}
	if removed {
		return &deleteOutput{Status: http.StatusNoContent}, nil
	}
	return &deleteOutput{http.StatusOK, j.View()}, nil
}

func (a api) result(ctx context.Context, in *jobPath) (*huma.StreamResponse, error) {
	p, err := tenant.From(ctx)
	if err != nil {
		return nil, err
	}
	j, content, err := a.jobs.Open(p, in.ID)
	if err != nil {
		return nil, problemOf(in.ID, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", j.Result.ContentType)
		w.Header().Set("ETag", `"`+j.ID+`"`)
		http.ServeContent(w, r, "", j.Ended, content)
		if err := content.Close(); err != nil {
			a.jobs.log.Warn("the file of a result could not be closed", "job", j.ID, "error", err)
		}
	}}, nil
}
