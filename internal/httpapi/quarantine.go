package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// Quarantine holds records of the log that could not be decoded. Often nobody can tell whose they are, so the operator
// looks after them; a tenant's admin after those that hold events of that tenant alone. An id that does not exist, and a record that still cannot be decoded, are reported as a *problem.Problem.
type Quarantine interface {
	Quarantine(ctx context.Context) ([]QuarantineItem, error)
	// QuarantineItem returns one record with its data.
	QuarantineItem(ctx context.Context, id string) (QuarantineItem, error)
	// ReplayQuarantine decodes a record again, appends its events to the log and removes it. It returns how many events.
	ReplayQuarantine(ctx context.Context, id string) (int, error)
	DeleteQuarantine(ctx context.Context, id string) error
	// QuarantineOf and QuarantineItemOf show what is a tenant's alone. The data of a record that is damaged are left out.
	QuarantineOf(ctx context.Context, t tenant.ID) ([]QuarantineItem, error)
	QuarantineItemOf(ctx context.Context, t tenant.ID, id string) (QuarantineItem, error)
}

// QuarantineItem is one record.
type QuarantineItem struct {
	ID        string    `json:"id"`
	Partition uint16    `json:"partition"`
	Offset    uint64    `json:"offset"`
	At        time.Time `json:"at"`
	Reason    string    `json:"reason"`
	Bytes     int       `json:"bytes"`
	Data      []byte    `json:"data,omitempty" doc:"The record as it stands in the log, base64; only when one record is asked for"`
}

// ErrNotQuarantined is the problem of an id that does not exist.
func ErrNotQuarantined(id string) *problem.Problem {
	return problem.New(http.StatusNotFound, "not_found", "there is no record %q in quarantine: GET /api/v1/quarantine lists them", id).WithField("id")
}

// ErrNotDecodable is the problem of a record that cannot be replayed.
func ErrNotDecodable(id string, reason error) *problem.Problem {
	return problem.New(http.StatusUnprocessableEntity, "not_decodable", "the record %s still cannot be decoded: %v. A newer version may; else delete it", id, reason).WithField("id")
}

type quarantinePath struct {
	ID string `path:"id" maxLength:"64"`
}

type quarantineList struct {
	Body struct {
		Records []QuarantineItem `json:"records"`
	}
}

type quarantineOne struct{ Body QuarantineItem }

type replayOutput struct {
	Body struct {
		Events int `json:"events" doc:"Events appended to the log"`
	}
}

func (a *API) registerQuarantine() {
	q := a.cfg.Quarantine
	if q == nil {
		return
	}
	tags := []string{"Quarantine (tenant admin)"}
	const list, one = "/api/v1/quarantine", "/api/v1/quarantine/{id}"
	const whose = "The operator sees all records. A tenant's admin sees those that hold events of that tenant alone; others do not exist for it."
	huma.Register(a.huma, huma.Operation{OperationID: "list-quarantine", Method: http.MethodGet, Path: list, Tags: tags,
		Summary: "List records that could not be decoded", Description: whose, Errors: []int{401, 403}},
		func(ctx context.Context, _ *struct{}) (*quarantineList, error) {
			p, err := principal(ctx, tenant.RoleAdmin)
			if err != nil {
				return nil, err
			}
			var all []QuarantineItem
			if p.Role == tenant.RoleOperator {
				all, err = q.Quarantine(ctx)
			} else {
				all, err = q.QuarantineOf(ctx, p.Tenant)
			}
			out := &quarantineList{}
			out.Body.Records = append([]QuarantineItem{}, all...)
			return out, err
		})
	huma.Register(a.huma, huma.Operation{OperationID: "get-quarantine", Method: http.MethodGet, Path: one, Tags: tags,
		Summary: "Show a record with its data", Description: whose + " The data of a damaged record are for the operator.", Errors: []int{401, 403, 404}},
		func(ctx context.Context, in *quarantinePath) (*quarantineOne, error) {
			item, err := quarantined(ctx, q, in.ID)
			return &quarantineOne{item}, err
		})
	huma.Register(a.huma, huma.Operation{OperationID: "replay-quarantine", Method: http.MethodPost, Path: one + "/replay", Tags: tags,
		Summary: "Decode a record again and process its events", Description: whose, Errors: []int{401, 403, 404, 422}},
		func(ctx context.Context, in *quarantinePath) (*replayOutput, error) {
			if _, err := quarantined(ctx, q, in.ID); err != nil {
				return nil, err
			}
			n, err := q.ReplayQuarantine(ctx, in.ID)
			out := &replayOutput{}
			out.Body.Events = n
			return out, err
		})
	huma.Register(a.huma, huma.Operation{OperationID: "delete-quarantine", Method: http.MethodDelete, Path: one, DefaultStatus: http.StatusNoContent, Tags: tags,
		Summary: "Delete a record for good", Description: whose, Errors: []int{401, 403, 404}},
		func(ctx context.Context, in *quarantinePath) (*struct{}, error) {
			item, err := quarantined(ctx, q, in.ID)
			if err != nil {
				return nil, err
			}
			if p, err := principal(ctx, tenant.RoleAdmin); err != nil || p.Role != tenant.RoleOperator && item.Data == nil {
				return nil, errors.Join(err, problem.New(http.StatusForbidden, "forbidden", "the record is damaged, so that it is not certain that it is of this tenant alone: ask the operator to delete it").WithField("id"))
			}
			return nil, q.DeleteQuarantine(ctx, in.ID)
		})
}

// quarantined returns a record if the principal looks after it.
func quarantined(ctx context.Context, q Quarantine, id string) (QuarantineItem, error) {
	p, err := principal(ctx, tenant.RoleAdmin)
	if err != nil {
		return QuarantineItem{}, err
	}
	if p.Role == tenant.RoleOperator {
		return q.QuarantineItem(ctx, id)
	}
	return q.QuarantineItemOf(ctx, p.Tenant, id)
}
