package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// Quarantine holds records of the log that could not be decoded. Nobody can tell whose they are, so the operator
// looks after them. An id that does not exist, and a record that still cannot be decoded, are reported as a *problem.Problem.
type Quarantine interface {
	Quarantine(ctx context.Context) ([]QuarantineItem, error)
	// QuarantineItem returns one record with its data.
	QuarantineItem(ctx context.Context, id string) (QuarantineItem, error)
	// ReplayQuarantine decodes a record again, appends its events to the log and removes it. It returns how many events.
	ReplayQuarantine(ctx context.Context, id string) (int, error)
	DeleteQuarantine(ctx context.Context, id string) error
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
	tags := []string{"Quarantine (operator)"}
	const list, one = "/api/v1/quarantine", "/api/v1/quarantine/{id}"
	huma.Register(a.huma, huma.Operation{OperationID: "list-quarantine", Method: http.MethodGet, Path: list, Tags: tags,
		Summary: "List records that could not be decoded", Errors: []int{401, 403}},
		func(ctx context.Context, _ *struct{}) (*quarantineList, error) {
			if _, err := principal(ctx, tenant.RoleOperator); err != nil {
				return nil, err
			}
			all, err := q.Quarantine(ctx)
			out := &quarantineList{}
			out.Body.Records = append([]QuarantineItem{}, all...)
			return out, err
		})
	huma.Register(a.huma, huma.Operation{OperationID: "get-quarantine", Method: http.MethodGet, Path: one, Tags: tags,
		Summary: "Show a record with its data", Errors: []int{401, 403, 404}},
		func(ctx context.Context, in *quarantinePath) (*quarantineOne, error) {
			if _, err := principal(ctx, tenant.RoleOperator); err != nil {
				return nil, err
			}
			item, err := q.QuarantineItem(ctx, in.ID)
			return &quarantineOne{item}, err
		})
	huma.Register(a.huma, huma.Operation{OperationID: "replay-quarantine", Method: http.MethodPost, Path: one + "/replay", Tags: tags,
		Summary: "Decode a record again and process its events", Errors: []int{401, 403, 404}},
		func(ctx context.Context, in *quarantinePath) (*replayOutput, error) {
			if _, err := principal(ctx, tenant.RoleOperator); err != nil {
				return nil, err
			}
			n, err := q.ReplayQuarantine(ctx, in.ID)
			out := &replayOutput{}
			out.Body.Events = n
			return out, err
		})
	huma.Register(a.huma, huma.Operation{OperationID: "delete-quarantine", Method: http.MethodDelete, Path: one, DefaultStatus: http.StatusNoContent, Tags: tags,
		Summary: "Delete a record for good", Errors: []int{401, 403, 404}},
		func(ctx context.Context, in *quarantinePath) (*struct{}, error) {
			if _, err := principal(ctx, tenant.RoleOperator); err != nil {
				return nil, err
			}
			return nil, q.DeleteQuarantine(ctx, in.ID)
		})
}
