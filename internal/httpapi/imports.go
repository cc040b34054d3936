package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// importView is a file's place in the import ledger.
type importView struct {
	File      string    `json:"file" doc:"Hex SHA-256 of the format's name and the file's first prefix_len bytes"`
	PrefixLen int       `json:"prefix_len"`
	Lines     int64     `json:"lines" doc:"Lines done from the start of the file"`
	Rejected  int64     `json:"rejected" doc:"Of lines: how many were rejected"`
	Updated   time.Time `json:"updated"`
}

func viewImport(im catalog.Import) importView {
	return importView{im.File, im.PrefixLen, im.Lines, im.Rejected, im.Updated}
}

type importsInput struct {
	SiteID string `query:"site_id" required:"true" maxLength:"253" doc:"The source's site_id or an alias"`
}

type importsOutput struct {
	Body struct {
		Imports []importView `json:"imports"`
		Salt    string       `json:"salt" doc:"Secret of the source with which an importer hashes the client ids of access logs, so that each import gives a visitor the same id"`
	}
}

type ImportPath struct {
	SiteID string `path:"site_id" maxLength:"253" doc:"The source's site_id or an alias"`
	File   string `path:"file" pattern:"^[0-9a-f]{64}$" patternDescription:"64 hexadecimal digits" doc:"Hex SHA-256 that names the file"`
}

type importOutput struct{ Body importView }

type advanceInput struct {
	ImportPath
	Body struct {
		PrefixLen int   `json:"prefix_len" minimum:"0" maximum:"4096" doc:"How many bytes of the file its name was made from"`
		Lines     int64 `json:"lines" minimum:"0" maximum:"9007199254740991" doc:"Lines done from the start of the file; never moves back"`
		Rejected  int64 `json:"rejected,omitempty" minimum:"0" maximum:"9007199254740991" doc:"Of lines: how many were rejected; never moves back"`
	}
}

func (a *API) registerImports() {
	tags := []string{"Import ledger (writer)"}
	huma.Register(a.huma, huma.Operation{OperationID: "list-imports", Method: http.MethodGet, Path: "/api/v1/imports",
		Tags: tags, Summary: "List what was imported into a source", Errors: []int{401, 403, 404}}, a.listImports)
	huma.Register(a.huma, huma.Operation{OperationID: "get-import", Method: http.MethodGet, Path: "/api/v1/imports/{site_id}/{file}",
		Tags: tags, Summary: "Show how far a file was imported", Errors: []int{401, 403, 404}}, a.showImport)
	huma.Register(a.huma, huma.Operation{OperationID: "advance-import", Method: http.MethodPut, Path: "/api/v1/imports/{site_id}/{file}",
		Tags: tags, Summary: "Say how far a file is imported", Errors: []int{400, 401, 403, 404, 422}}, a.advanceImport)
}

// writerTo returns the source if the request may write to it.
func (a *API) writerTo(ctx context.Context, site string) (catalog.Source, error) {
	p, err := tenant.From(ctx)
	if err != nil {
		return catalog.Source{}, err
	}
	if prob := p.RequireWrite(); prob != nil {
		return catalog.Source{}, prob
	}
	id, prob := p.RequireTenant()
	if prob != nil {
		return catalog.Source{}, prob
	}
	return a.sourceOf(p, id, site)
}

func (a *API) listImports(ctx context.Context, in *importsInput) (*importsOutput, error) {
	s, err := a.writerTo(ctx, in.SiteID)
	if err != nil {
		return nil, err
	}
	all, err := a.cfg.Catalog.Imports(ctx, s.Tenant, s.SiteID)
	if err != nil {
		return nil, catalogError(err)
	}
	out := &importsOutput{}
	if out.Body.Salt, err = a.salts.of(ctx, s); err != nil {
		return nil, err
	}
	out.Body.Imports = make([]importView, len(all))
	for i, im := range all {
		out.Body.Imports[i] = viewImport(im)
	}
	return out, nil
}

func (a *API) showImport(ctx context.Context, in *ImportPath) (*importOutput, error) {
	s, err := a.writerTo(ctx, in.SiteID)
	if err != nil {
		return nil, err
	}
	im, err := a.cfg.Catalog.Import(ctx, s.Tenant, s.SiteID, in.File)
	if err != nil {
		return nil, catalogError(err)
	}
	return &importOutput{viewImport(im)}, nil
}

func (a *API) advanceImport(ctx context.Context, in *advanceInput) (*importOutput, error) {
	s, err := a.writerTo(ctx, in.SiteID)
	if err != nil {
		return nil, err
	}
	if in.Body.Rejected > in.Body.Lines {
		return nil, problem.New(http.StatusUnprocessableEntity, "invalid_value", "rejected is %d of %d lines: it counts those among lines that were rejected", in.Body.Rejected, in.Body.Lines).WithField("rejected")
	}
	err = a.cfg.Catalog.AdvanceImport(ctx, catalog.Import{Tenant: s.Tenant, Site: s.SiteID, File: in.File, PrefixLen: in.Body.PrefixLen, Lines: in.Body.Lines, Rejected: in.Body.Rejected})
	if err != nil {
		return nil, catalogError(err)
	}
	im, err := a.cfg.Catalog.Import(ctx, s.Tenant, s.SiteID, in.File)
	if err != nil {
		return nil, catalogError(err)
	}
	return &importOutput{viewImport(im)}, nil
}

// saltSource makes the salts of sources from one secret of the installation, which it keeps in the catalog.
type saltSource struct {
	catalog catalog.Catalog
	mu      sync.Mutex
	secret  []byte
}

const saltSetting = "import_salt"

func (s *saltSource) of(ctx context.Context, src catalog.Source) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secret == nil {
		text, err := s.catalog.Setting(ctx, saltSetting)
		if errors.Is(err, catalog.ErrNotFound) {
			text = rand.Text() + rand.Text()
			if err := s.catalog.SetSetting(ctx, saltSetting, text); err != nil {
				return "", fmt.Errorf("keep the secret of imports: %w", err)
			}
		} else if err != nil {
			return "", fmt.Errorf("read the secret of imports: %w", err)
		}
		s.secret = []byte(text)
	}
	mac := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(mac, "%s\x00%s", src.Tenant, src.SiteID)
	return hex.EncodeToString(mac.Sum(nil)), nil
}
