package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// Passwords hashes the passwords that people choose.
type Passwords interface {
	// Check says what is wrong with a password; empty if nothing is.
	Check(password, email string) string
	// Hash returns what is stored of a password. An error that is no problem means that there was no turn in time.
	Hash(ctx context.Context, password string) (string, error)
}

// UserView is a user as the API shows it.
type UserView struct {
	ID       string    `json:"id"`
	Role     string    `json:"role" enum:"viewer,analyst,admin,writer,operator"`
	Name     string    `json:"name"`
	Email    string    `json:"email"`
	Password bool      `json:"password" doc:"Whether a password is set: nobody can sign in without one"`
	Created  time.Time `json:"created"`
}

func viewUser(u catalog.User) UserView {
	return UserView{ID: u.ID, Role: string(u.Role), Name: u.Name, Email: u.Email, Password: u.Password != "", Created: u.Created}
}

// NewUser is what a user is made of.
type NewUser struct {
	Email    string `json:"email" maxLength:"254" example:"ann@example.com" doc:"What they sign in with; unique among the users of the tenant"`
	Name     string `json:"name,omitempty" maxLength:"200"`
	Password string `json:"password,omitempty" maxLength:"256" doc:"At least 12 characters; it is stored as a hash only"`
}

type createUserInput struct {
	TenantPath
	Body struct {
		NewUser
		Role string `json:"role" enum:"viewer,analyst,admin" doc:"viewer reads reports, analyst queries too, admin manages the tenant too"`
	}
}

type createOperatorInput struct {
	Body NewUser
}

// UserPatch changes only what it names.
type UserPatch struct {
	Email    *string `json:"email,omitempty" maxLength:"254"`
	Name     *string `json:"name,omitempty" maxLength:"200"`
	Role     *string `json:"role,omitempty" enum:"viewer,analyst,admin" doc:"A new role ends the user's sessions"`
	Password *string `json:"password,omitempty" maxLength:"256" doc:"A new password ends the user's sessions; empty takes it away"`
}

// NamesChanges implements Change.
func (*UserPatch) NamesChanges() {}

type UserPath struct {
	TenantPath
	User string `path:"user" maxLength:"100" doc:"The user's id"`
}

type OperatorPath struct {
	User string `path:"user" maxLength:"100" doc:"The user's id"`
}

type updateUserInput struct {
	UserPath
	Body UserPatch
}

type updateOperatorInput struct {
	OperatorPath
	Body UserPatch
}

type userOutput struct{ Body UserView }

type createdUserOutput struct {
	Location string `header:"Location"`
	Body     UserView
}

type usersOutput struct {
	Body struct {
		Users []UserView `json:"users"`
	}
}

func (a *API) registerUsers() {
	if a.cfg.Passwords == nil {
		return
	}
	tags := []string{"Users (tenant admin)"}
	const list, operators = "/api/v1/tenants/{tenant}/users", "/api/v1/operators/users"
	huma.Register(a.huma, huma.Operation{OperationID: "create-user", Method: http.MethodPost, Path: list, DefaultStatus: http.StatusCreated,
		Tags: tags, Summary: "Create a user who signs in with a password", Errors: []int{400, 401, 403, 404, 409}},
		func(ctx context.Context, in *createUserInput) (*createdUserOutput, error) {
			id, err := adminOf(ctx, in.Tenant)
			if err != nil {
				return nil, err
			}
			return a.createUser(ctx, catalog.User{Tenant: id, Role: tenant.Role(in.Body.Role)}, in.Body.NewUser)
		})
	huma.Register(a.huma, huma.Operation{OperationID: "list-users", Method: http.MethodGet, Path: list,
		Tags: tags, Summary: "List the users", Errors: []int{401, 403, 404}},
		func(ctx context.Context, in *TenantPath) (*usersOutput, error) {
			id, err := adminOf(ctx, in.Tenant)
			if err != nil {
				return nil, err
			}
			return a.users(ctx, id)
		})
	huma.Register(a.huma, huma.Operation{OperationID: "update-user", Method: http.MethodPatch, Path: list + "/{user}",
		Tags: tags, Summary: "Change a user", Description: "Fields that are not named stay.", Errors: []int{400, 401, 403, 404, 409}},
		func(ctx context.Context, in *updateUserInput) (*userOutput, error) {
			id, err := adminOf(ctx, in.Tenant)
			if err != nil {
				return nil, err
			}
			return a.updateUser(ctx, id, in.User, in.Body)
		})
	huma.Register(a.huma, huma.Operation{OperationID: "delete-user", Method: http.MethodDelete, Path: list + "/{user}", DefaultStatus: http.StatusNoContent,
		Tags: tags, Summary: "Delete a user", Description: "Their sessions end at once.", Errors: []int{401, 403, 404}},
		func(ctx context.Context, in *UserPath) (*struct{}, error) {
			id, err := adminOf(ctx, in.Tenant)
			if err != nil {
				return nil, err
			}
			return nil, catalogError(a.cfg.Catalog.DeleteUser(ctx, id, in.User))
		})
	a.registerOperatorUsers(operators)
}

func (a *API) registerOperatorUsers(list string) {
	tags := []string{"Operators (operator)"}
	huma.Register(a.huma, huma.Operation{OperationID: "create-operator-user", Method: http.MethodPost, Path: list, DefaultStatus: http.StatusCreated,
		Tags: tags, Summary: "Create an operator who signs in with a password", Errors: []int{400, 401, 403, 409}},
		func(ctx context.Context, in *createOperatorInput) (*createdUserOutput, error) {
			if _, err := principal(ctx, tenant.RoleOperator); err != nil {
				return nil, err
			}
			return a.createUser(ctx, catalog.User{Role: tenant.RoleOperator}, in.Body)
		})
	huma.Register(a.huma, huma.Operation{OperationID: "list-operator-users", Method: http.MethodGet, Path: list,
		Tags: tags, Summary: "List the operators who sign in with a password", Errors: []int{401, 403}},
		func(ctx context.Context, _ *struct{}) (*usersOutput, error) {
			if _, err := principal(ctx, tenant.RoleOperator); err != nil {
				return nil, err
			}
			return a.users(ctx, "")
		})
	huma.Register(a.huma, huma.Operation{OperationID: "update-operator-user", Method: http.MethodPatch, Path: list + "/{user}",
		Tags: tags, Summary: "Change an operator", Errors: []int{400, 401, 403, 404, 409}},
		func(ctx context.Context, in *updateOperatorInput) (*userOutput, error) {
			if _, err := principal(ctx, tenant.RoleOperator); err != nil {
				return nil, err
			}
			if in.Body.Role != nil {
				return nil, invalid("role", "an operator has no other role: delete the user and create one of a tenant")
			}
			return a.updateUser(ctx, "", in.User, in.Body)
		})
	huma.Register(a.huma, huma.Operation{OperationID: "delete-operator-user", Method: http.MethodDelete, Path: list + "/{user}", DefaultStatus: http.StatusNoContent,
		Tags: tags, Summary: "Delete an operator", Errors: []int{401, 403, 404}},
		func(ctx context.Context, in *OperatorPath) (*struct{}, error) {
			if _, err := principal(ctx, tenant.RoleOperator); err != nil {
				return nil, err
			}
			return nil, catalogError(a.cfg.Catalog.DeleteUser(ctx, "", in.User))
		})
}

func (a *API) createUser(ctx context.Context, u catalog.User, in NewUser) (*createdUserOutput, error) {
	var err error
	if u.Email, err = emailOf(in.Email); err != nil {
		return nil, err
	}
	if err := shown("name", in.Name); err != nil {
		return nil, err
	}
	u.Name = in.Name
	if in.Password != "" {
		if u.Password, err = a.hashPassword(ctx, in.Password, u.Email); err != nil {
			return nil, err
		}
	}
	if u, err = a.cfg.Catalog.CreateUser(ctx, u); err != nil {
		return nil, catalogError(err)
	}
	location := "/api/v1/operators/users/" + u.ID
	if u.Tenant != "" {
		location = "/api/v1/tenants/" + string(u.Tenant) + "/users/" + u.ID
	}
	return &createdUserOutput{Location: location, Body: viewUser(u)}, nil
}

func emailOf(s string) (string, error) {
	addr, err := mail.ParseAddress(strings.TrimSpace(s))
	if err != nil || addr.Name != "" || addr.Address != strings.TrimSpace(s) {
		return "", invalid("email", "%q is not an email address like ann@example.com", s)
	}
	return addr.Address, nil
}

func (a *API) hashPassword(ctx context.Context, password, email string) (string, error) {
	if why := a.cfg.Passwords.Check(password, email); why != "" {
		return "", invalid("password", "%s", why)
	}
	h, err := a.cfg.Passwords.Hash(ctx, password)
	if err != nil && ctx.Err() == nil {
		return "", busy(err)
	}
	return h, err
}

// busy is the answer when there was no turn to hash a password.
func busy(err error) error {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p
	}
	return problem.New(http.StatusServiceUnavailable, "sign_in_busy", "%v: sign_in.password_concurrent bounds them; try again", err).WithRetry(time.Second)
}

func (a *API) users(ctx context.Context, id tenant.ID) (*usersOutput, error) {
	all, err := a.cfg.Catalog.Users(ctx, id)
	if err != nil {
		return nil, catalogError(err)
	}
	out := &usersOutput{}
	out.Body.Users = make([]UserView, len(all))
	for i, u := range all {
		out.Body.Users[i] = viewUser(u)
	}
	return out, nil
}

func (a *API) updateUser(ctx context.Context, t tenant.ID, id string, in UserPatch) (*userOutput, error) {
	old, err := a.cfg.Catalog.User(ctx, t, id)
	if err != nil {
		return nil, catalogError(err)
	}
	email := old.Email
	if in.Email != nil {
		if email, err = emailOf(*in.Email); err != nil {
			return nil, err
		}
	}
	if in.Name != nil {
		if err := shown("name", *in.Name); err != nil {
			return nil, err
		}
	}
	var hash string
	if in.Password != nil && *in.Password != "" {
		if hash, err = a.hashPassword(ctx, *in.Password, email); err != nil {
			return nil, err
		}
	}
	u, err := a.cfg.Catalog.UpdateUser(ctx, t, id, func(u *catalog.User) error {
		if in.Email != nil {
			u.Email = email
		}
		if in.Name != nil {
			u.Name = *in.Name
		}
		if in.Role != nil {
			u.Role = tenant.Role(*in.Role)
		}
		if in.Password != nil {
			u.Password = hash
		}
		return nil
	})
	if err != nil {
		return nil, catalogError(err)
	}
	return &userOutput{viewUser(u)}, nil
}
