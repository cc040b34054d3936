package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// UserCmd is `weir user`.
type UserCmd struct {
	Create   UserCreateCmd   `cmd:"" help:"Create a user; the password is asked for, or read from standard input."`
	List     UserListCmd     `cmd:"" help:"List the users of a tenant."`
	Update   UserUpdateCmd   `cmd:"" help:"Change a user's role, name or address. A new role ends their sessions."`
	Password UserPasswordCmd `cmd:"" help:"Set a user's password; it is asked for, or read from standard input. Their sessions end."`
	Delete   UserDeleteCmd   `cmd:"" help:"Delete a user: their sessions end at once."`
}

// userInfo is a user as the API shows it.
type userInfo struct {
	ID       string    `json:"id"`
	Role     string    `json:"role"`
	Name     string    `json:"name"`
	Email    string    `json:"email"`
	Password bool      `json:"password"`
	Created  time.Time `json:"created"`
}

func userTable(list ...userInfo) func() grid {
	return func() grid {
		g := grid{head: []string{"id", "email", "role", "name", "password", "created"}}
		for _, u := range list {
			g.add(u.ID, u.Email, u.Role, orDash(u.Name), map[bool]string{true: "set", false: "none"}[u.Password], when(u.Created))
		}
		return g
	}
}

func usersPath(tenant string) string { return ownerPath(tenant) + "/users" }

func userPath(tenant, id string) string { return usersPath(tenant) + "/" + url.PathEscape(id) }

// UserCreateCmd is `weir user create`.
type UserCreateCmd struct {
	Server
	Output
	Role       string `help:"viewer reads reports, analyst queries too, admin manages the tenant too; operator with OPERATORS." enum:"viewer,analyst,admin,operator" required:""`
	Name       string `help:"Name for people."`
	NoPassword bool   `help:"Set no password: nobody can sign in until one is set."`
	Tenant     string `arg:"" help:"The tenant's id; OPERATORS for operators."`
	Email      string `arg:"" help:"What they sign in with."`
}

// Run creates a user.
func (c *UserCreateCmd) Run(ctx context.Context, p *Process) error {
	if (c.Tenant == operatorsName) != (c.Role == "operator") {
		return fmt.Errorf("--role: operator goes with %s, and no other role does", operatorsName)
	}
	in := map[string]string{"email": c.Email}
	if c.Role != "operator" {
		in["role"] = c.Role
	}
	if c.Name != "" {
		in["name"] = c.Name
	}
	if !c.NoPassword {
		password, err := readPassword(p)
		if err != nil {
			return err
		}
		in["password"] = password
	}
	var u userInfo
	if err := c.do(ctx, http.MethodPost, usersPath(c.Tenant), in, &u); err != nil {
		return err
	}
	return c.print(p.Out, u, userTable(u))
}

// readPassword asks at a terminal, or reads the first line of standard input. A flag would show it to every process of the machine.
func readPassword(p *Process) (string, error) {
	if f, ok := p.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if _, err := fmt.Fprint(p.Err, "Password: "); err != nil {
			return "", err
		}
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(p.Err)
		return string(b), err
	}
	line, err := bufio.NewReader(io.LimitReader(p.In, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("no password on standard input: write it there, for example with `weir user password TENANT ID < file`")
	}
	return line, nil
}

// UserListCmd is `weir user list`.
type UserListCmd struct {
	Server
	Output
	Tenant string `arg:"" help:"The tenant's id; OPERATORS for operators."`
}

// Run lists the users of a tenant.
func (c *UserListCmd) Run(ctx context.Context, p *Process) error {
	var list struct {
		Users []userInfo `json:"users"`
	}
	if err := c.do(ctx, http.MethodGet, usersPath(c.Tenant), nil, &list); err != nil {
		return err
	}
	return c.print(p.Out, list, userTable(list.Users...))
}

// UserUpdateCmd is `weir user update`.
type UserUpdateCmd struct {
	Server
	Output
	Role   *string `help:"viewer, analyst or admin."`
	Name   *string `help:"Name for people."`
	Email  *string `help:"What they sign in with."`
	Tenant string  `arg:"" help:"The tenant's id; OPERATORS for operators."`
	ID     string  `arg:"" help:"The user's id."`
}

// Run changes the fields that are given.
func (c *UserUpdateCmd) Run(ctx context.Context, p *Process) error {
	in := map[string]string{}
	for name, v := range map[string]*string{"role": c.Role, "name": c.Name, "email": c.Email} {
		if v != nil {
			in[name] = *v
		}
	}
	var u userInfo
	if err := c.do(ctx, http.MethodPatch, userPath(c.Tenant, c.ID), in, &u); err != nil {
		return err
	}
	return c.print(p.Out, u, userTable(u))
}

// UserPasswordCmd is `weir user password`.
type UserPasswordCmd struct {
	Server
	Tenant string `arg:"" help:"The tenant's id; OPERATORS for operators."`
	ID     string `arg:"" help:"The user's id."`
}

// Run sets a user's password.
func (c *UserPasswordCmd) Run(ctx context.Context, p *Process) error {
	password, err := readPassword(p)
	if err != nil {
		return err
	}
	if err := c.do(ctx, http.MethodPatch, userPath(c.Tenant, c.ID), map[string]string{"password": password}, nil); err != nil {
		return err
	}
	return done(p.Out, "the password of user %s of %s is set; their sessions have ended", c.ID, ownerName(c.Tenant))
}

// UserDeleteCmd is `weir user delete`.
type UserDeleteCmd struct {
	Server
	Tenant string `arg:"" help:"The tenant's id; OPERATORS for operators."`
	ID     string `arg:"" help:"The user's id."`
}

// Run deletes a user.
func (c *UserDeleteCmd) Run(ctx context.Context, p *Process) error {
	if err := c.do(ctx, http.MethodDelete, userPath(c.Tenant, c.ID), nil, nil); err != nil {
		return err
	}
	return done(p.Out, "user %s of %s is deleted", c.ID, ownerName(c.Tenant))
}
