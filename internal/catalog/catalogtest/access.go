package catalogtest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

func testRotateKey(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	newTenant(t, c, "other")
	soon, later := time.Now().Add(time.Hour).UTC(), time.Now().Add(9*time.Hour).UTC()
	old := must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{ID: "k1", Tenant: "acme", Role: tenant.RoleAnalyst, Name: "Ann", Hash: hash("1")}))
	next := must[catalog.Key](t)(c.RotateKey(t.Context(), "acme", "k1", catalog.Key{Role: tenant.RoleAdmin, Site: "no", Hash: hash("2")}, soon))
	diff(t, next, catalog.Key{ID: next.ID, Tenant: "acme", Role: tenant.RoleAnalyst, Name: "Ann", Hash: hash("2"), Created: next.Created})
	got, _, ok := c.KeyByHash(hash("1"))
	old.Expires, old.Successor = soon, next.ID
	if !ok {
		t.Error("the old key is gone at once")
	}
	diff(t, got, old)
	if got, _, ok := c.KeyByHash(hash("2")); !ok || got.ID != next.ID {
		t.Error("the new key does not work")
	}
	// It has one successor; that one may have its own.
	_, err := c.RotateKey(t.Context(), "acme", "k1", catalog.Key{Name: "Bob", Hash: hash("3")}, later)
	var rotated *catalog.Rotated
	if !errors.As(err, &rotated) || *rotated != (catalog.Rotated{Key: "k1", Successor: next.ID, Until: soon}) {
		t.Errorf("rotated twice: %v", err)
	}
	if _, _, ok := c.KeyByHash(hash("3")); ok {
		t.Error("the refused successor works")
	}
	must[catalog.Key](t)(c.RotateKey(t.Context(), "acme", next.ID, catalog.Key{ID: "k3", Hash: hash("3")}, soon))
	// When the successor is gone, it can be rotated again. A later end than the key's own does not give it more time.
	noError(t, c.DeleteKey(t.Context(), "acme", next.ID))
	// Neither happens when one cannot.
	_, err = c.RotateKey(t.Context(), "acme", "k1", catalog.Key{Hash: hash("3")}, time.Now())
	wantConflict(t, err, "key", "")
	if got, _, _ := c.KeyByHash(hash("1")); !got.Expires.Equal(soon) {
		t.Error("a refused rotation expires the old key")
	}
	must[catalog.Key](t)(c.RotateKey(t.Context(), "acme", "k1", catalog.Key{ID: "k4", Name: "Bob", Hash: hash("4")}, later))
	if got, _, _ := c.KeyByHash(hash("1")); !got.Expires.Equal(soon) || got.Successor != "k4" {
		t.Errorf("expires %s, want %s; successor %s", got.Expires, soon, got.Successor)
	}
	_, err = c.RotateKey(t.Context(), "acme", "none", catalog.Key{Hash: hash("5")}, soon)
	wantErr(t, err, catalog.ErrNotFound)
	_, err = c.RotateKey(t.Context(), "other", "k1", catalog.Key{Hash: hash("5")}, soon)
	wantErr(t, err, catalog.ErrNotFound)
}

// testRotateAtOnce: of rotations of one key that come at once, through two processes, one makes a successor.
func testRotateAtOnce(t *testing.T, s Store) {
	a, b := s.Open(t), s.Open(t)
	newTenant(t, a, "acme")
	must[catalog.Key](t)(a.CreateKey(t.Context(), catalog.Key{ID: "k1", Tenant: "acme", Role: tenant.RoleAnalyst, Hash: hash("k1")}))
	var wg sync.WaitGroup
	var made atomic.Int32
	for i := range 6 {
		wg.Go(func() {
			_, err := []catalog.Catalog{a, b}[i%2].RotateKey(t.Context(), "acme", "k1", catalog.Key{Hash: hash(fmt.Sprint(i))}, time.Now().Add(time.Hour))
			var rotated *catalog.Rotated
			switch {
			case err == nil:
				made.Add(1)
			case !errors.As(err, &rotated):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("%d rotations succeeded", n)
	}
	_, err := a.CreateKey(t.Context(), catalog.Key{Tenant: "acme", Role: tenant.RoleViewer, Hash: hash("last")}) // its answer has seen what the other process did
	noError(t, err)
	if all := must[[]catalog.Key](t)(a.Keys(t.Context(), "acme")); len(all) != 3 {
		t.Errorf("%d keys, want the old one, its successor and the last", len(all))
	}
}

func testKeyUses(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{ID: "k1", Tenant: "acme", Role: tenant.RoleViewer, Hash: hash("1")}))
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	uses := []catalog.KeyUse{{Tenant: "acme", ID: "k1", At: at}, {Tenant: "acme", ID: "none", At: at}, {Tenant: "none", ID: "k1", At: at}}
	noError(t, c.NoteKeyUses(t.Context(), uses))
	uses[0].At = at.Add(-time.Hour)
	noError(t, c.NoteKeyUses(t.Context(), uses[:1]))
	diff(t, must[map[string]time.Time](t)(c.KeyUses(t.Context(), "acme")), map[string]time.Time{"k1": at})
	noError(t, c.DeleteKey(t.Context(), "acme", "k1"))
	diff(t, must[map[string]time.Time](t)(c.KeyUses(t.Context(), "acme")), map[string]time.Time{})
}

// Operators have keys and users of their own, which no tenant sees.
func testOperators(t *testing.T, s Store) {
	c, second := s.Open(t), s.Open(t)
	newTenant(t, c, "acme")
	k := must[catalog.Key](t)(c.CreateKey(t.Context(), catalog.Key{Role: tenant.RoleOperator, Name: "ops", Hash: hash("op")}))
	got, ten, ok := c.KeyByHash(hash("op"))
	if !ok || ten.ID != "" {
		t.Errorf("the key comes with tenant %q, %v", ten.ID, ok)
	}
	diff(t, got, k)
	diff(t, must[[]catalog.Key](t)(c.Keys(t.Context(), "")), []catalog.Key{k})
	diff(t, must[[]catalog.Key](t)(c.Keys(t.Context(), "acme")), []catalog.Key{})
	if _, ok := c.TenantByID(""); ok {
		t.Error("the operators are a tenant")
	}
	if all := must[[]catalog.Tenant](t)(c.Tenants(t.Context())); len(all) != 1 {
		t.Errorf("tenants are %v", all)
	}
	if _, err := c.CreateKey(t.Context(), catalog.Key{Role: tenant.RoleAdmin, Hash: hash("x")}); err == nil {
		t.Error("a key without a tenant may be an admin's")
	}
	u := must[catalog.User](t)(c.CreateUser(t.Context(), catalog.User{Role: tenant.RoleOperator, Email: "op@example.com"}))
	if !c.HasUsers() {
		t.Error("an operator is no user")
	}
	diff(t, must[[]catalog.User](t)(c.Users(t.Context(), "")), []catalog.User{u})
	eventually(t, "another process sees the operator", func() bool {
		_, _, key := second.KeyByHash(hash("op"))
		_, user := second.UserByEmail("", "OP@example.com")
		return key && user
	})
	next := must[catalog.Key](t)(second.RotateKey(t.Context(), "", k.ID, catalog.Key{Hash: hash("op2")}, time.Now().Add(time.Hour)))
	eventually(t, "the first sees the rotation", func() bool { _, _, ok := c.KeyByHash(hash("op2")); return ok })
	noError(t, c.DeleteKey(t.Context(), "", k.ID))
	noError(t, c.DeleteUser(t.Context(), "", u.ID))
	wantErr(t, c.DeleteUser(t.Context(), "", u.ID), catalog.ErrNotFound)
	eventually(t, "another process forgets them", func() bool {
		_, _, key := second.KeyByHash(hash("op"))
		_, user := second.UserByEmail("", "op@example.com")
		return !key && !user
	})
	diff(t, must[[]catalog.Key](t)(second.Keys(t.Context(), "")), []catalog.Key{next})
}

func testUsers(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	newTenant(t, c, "other")
	if c.HasUsers() {
		t.Error("there are users before the first one")
	}
	u := must[catalog.User](t)(c.CreateUser(t.Context(), catalog.User{Tenant: "acme", ID: "mine", Role: tenant.RoleAnalyst, Name: "Ann", Email: "Ann@Example.com", Password: "$hash"}))
	if u.ID == "" || u.ID == "mine" || u.Created.IsZero() {
		t.Errorf("user = %v", u)
	}
	for _, email := range []string{"Ann@Example.com", "ann@example.com", "ANN@EXAMPLE.COM"} {
		got, ok := c.UserByEmail("acme", email)
		if !ok {
			t.Errorf("%s is not found", email)
		}
		diff(t, got, u)
		for _, id := range []tenant.ID{"", "other"} { // whether another tenant has it must not show
			if _, ok := c.UserByEmail(id, email); ok {
				t.Errorf("%s is found in tenant %q", email, id)
			}
		}
		_, err := c.CreateUser(t.Context(), catalog.User{Tenant: "acme", Role: tenant.RoleViewer, Email: email})
		wantConflict(t, err, "email", email)
	}
	// Another tenant may have the address too, and so may an operator.
	same := must[catalog.User](t)(c.CreateUser(t.Context(), catalog.User{Tenant: "other", Role: tenant.RoleViewer, Email: "ann@example.com"}))
	for id, want := range map[tenant.ID]catalog.User{"acme": u, "other": same} {
		if got, ok := c.UserByEmail(id, "ANN@example.com"); !ok || got.ID != want.ID {
			t.Errorf("the user of %s is %v", id, got)
		}
	}
	op := must[catalog.User](t)(c.CreateUser(t.Context(), catalog.User{Role: tenant.RoleOperator, Email: "ann@example.com"}))
	if got, ok := c.UserByEmail("", "ann@example.com"); !ok || got.ID != op.ID {
		t.Errorf("the operator is %v", got)
	}
	noError(t, c.DeleteUser(t.Context(), "", op.ID))
	noError(t, c.DeleteUser(t.Context(), "other", same.ID))
	if _, ok := c.UserByEmail("", "ann@example.com"); ok {
		t.Error("an operator who was deleted is found")
	}
	diff(t, must[catalog.User](t)(c.User(t.Context(), "acme", u.ID)), u)
	if _, ok := c.UserByID("other", u.ID); ok {
		t.Error("another tenant finds the user")
	}
	for _, bad := range []catalog.User{
		{Tenant: "acme", Role: tenant.RoleOperator, Email: "x@example.com"}, {Tenant: "acme", Role: "boss", Email: "x@example.com"},
		{Tenant: "acme", Role: tenant.RoleAdmin}, {Role: tenant.RoleAdmin, Email: "x@example.com"},
	} {
		if _, err := c.CreateUser(t.Context(), bad); err == nil {
			t.Errorf("CreateUser(%v) is accepted", bad)
		}
	}
	_, err := c.CreateUser(t.Context(), catalog.User{Tenant: "none", Role: tenant.RoleAdmin, Email: "x@example.com"})
	wantErr(t, err, catalog.ErrNotFound)

	b := must[catalog.User](t)(c.CreateUser(t.Context(), catalog.User{Tenant: "acme", Role: tenant.RoleViewer, Email: "bob@example.com"}))
	if list := must[[]catalog.User](t)(c.Users(t.Context(), "acme")); len(list) != 2 || list[0].ID > list[1].ID {
		t.Errorf("users = %v", list)
	}
	want := b
	want.Name, want.Role, want.Email = "Bob", tenant.RoleAdmin, "robert@example.com"
	got := must[catalog.User](t)(c.UpdateUser(t.Context(), "acme", b.ID, func(x *catalog.User) error {
		*x = want
		x.Tenant, x.ID, x.Created = "other", "other", time.Now().Add(time.Hour) // must stay
		return nil
	}))
	diff(t, got, want)
	if _, ok := c.UserByEmail("acme", "bob@example.com"); ok {
		t.Error("an address that was given up is found")
	}
	_, err = c.UpdateUser(t.Context(), "acme", b.ID, func(x *catalog.User) error { x.Email = "ann@example.com"; return nil })
	wantConflict(t, err, "email", "ann@example.com")
	_, err = c.UpdateUser(t.Context(), "acme", b.ID, func(x *catalog.User) error { x.Role = tenant.RoleOperator; return nil })
	if err == nil {
		t.Error("a tenant's user may become an operator")
	}
	refusal := errors.New("refused")
	_, err = c.UpdateUser(t.Context(), "acme", b.ID, func(*catalog.User) error { return refusal })
	wantErr(t, err, refusal)
	diff(t, must[catalog.User](t)(c.User(t.Context(), "acme", b.ID)), want)
	_, err = c.UpdateUser(t.Context(), "other", b.ID, func(*catalog.User) error { return nil })
	wantErr(t, err, catalog.ErrNotFound)

	wantErr(t, c.DeleteUser(t.Context(), "other", b.ID), catalog.ErrNotFound)
	noError(t, c.DeleteUser(t.Context(), "acme", b.ID))
	if _, ok := c.UserByEmail("acme", "robert@example.com"); ok {
		t.Error("a deleted user is found")
	}
	noError(t, c.DeleteTenant(t.Context(), "acme"))
	if _, ok := c.UserByEmail("acme", "ann@example.com"); ok {
		t.Error("a user of a deleted tenant is found")
	}
	_, err = c.Users(t.Context(), "acme")
	wantErr(t, err, catalog.ErrNotFound)
	must[catalog.User](t)(c.CreateUser(t.Context(), catalog.User{Tenant: "other", Role: tenant.RoleViewer, Email: "ann@example.com"})) // the address is free again
}

func testSessions(t *testing.T, s Store) {
	c := s.Open(t)
	newTenant(t, c, "acme")
	u := must[catalog.User](t)(c.CreateUser(t.Context(), catalog.User{Tenant: "acme", Role: tenant.RoleAnalyst, Email: "ann@example.com"}))
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	open := func(secret, user string) catalog.Session {
		x := catalog.Session{Hash: hash(secret), Tenant: "acme", User: user, Role: tenant.RoleAnalyst, Name: "Ann", Created: at, Seen: at, Expires: at.Add(time.Hour)}
		noError(t, c.CreateSession(t.Context(), x))
		return x
	}
	exists := func(secret string) bool {
		_, err := c.Session(t.Context(), hash(secret))
		if err != nil && !errors.Is(err, catalog.ErrNotFound) {
			t.Error(err)
		}
		return err == nil
	}
	one := open("1", catalog.LocalUser(u.ID))
	diff(t, must[catalog.Session](t)(c.Session(t.Context(), one.Hash)), one)
	one.Seen, one.Expires = at.Add(time.Minute), at.Add(2*time.Hour)
	noError(t, c.TouchSession(t.Context(), one.Hash, one.Seen, one.Expires))
	diff(t, must[catalog.Session](t)(c.Session(t.Context(), one.Hash)), one)
	wantErr(t, c.TouchSession(t.Context(), hash("none"), at, at), catalog.ErrNotFound)
	if err := c.CreateSession(t.Context(), catalog.Session{Hash: hash("x"), User: "local:x"}); err == nil {
		t.Error("a session without an end is accepted")
	}
	wantErr(t, c.CreateSession(t.Context(), catalog.Session{Hash: hash("x"), Tenant: "none", User: "local:x", Expires: at}), catalog.ErrNotFound)

	noError(t, c.DeleteSession(t.Context(), one.Hash))
	noError(t, c.DeleteSession(t.Context(), one.Hash))
	if exists("1") {
		t.Error("a deleted session is found")
	}
	// A new name changes nothing; a role, a password, a deletion end the user's sessions, and nobody else's.
	change := func(fn func(*catalog.User)) {
		must[catalog.User](t)(c.UpdateUser(t.Context(), "acme", u.ID, func(x *catalog.User) error { fn(x); return nil }))
	}
	open("other", "oidc:"+u.ID)
	open("name", catalog.LocalUser(u.ID))
	change(func(x *catalog.User) { x.Name = "Anna" })
	if !exists("name") {
		t.Error("a new name ends sessions")
	}
	change(func(x *catalog.User) { x.Role = tenant.RoleViewer })
	if exists("name") {
		t.Error("a session outlives the role it was made with")
	}
	open("password", catalog.LocalUser(u.ID))
	change(func(x *catalog.User) { x.Password = "$new" })
	if exists("password") {
		t.Error("a session outlives the password")
	}
	open("user", catalog.LocalUser(u.ID))
	noError(t, c.DeleteUser(t.Context(), "acme", u.ID))
	if exists("user") || !exists("other") {
		t.Error("the deletion of a user must end their sessions and no others")
	}
	if n := must[int](t)(c.DeleteSessions(t.Context(), "acme", "oidc:"+u.ID)); n != 1 || exists("other") {
		t.Errorf("DeleteSessions = %d", n)
	}
	open("old", "oidc:x")
	if n := must[int](t)(c.ForgetSessions(t.Context(), at.Add(time.Hour))); n != 0 {
		t.Errorf("ForgetSessions takes %d that have not expired", n)
	}
	if n := must[int](t)(c.ForgetSessions(t.Context(), at.Add(2*time.Hour))); n != 1 {
		t.Errorf("ForgetSessions = %d", n)
	}
	open("tenant", "oidc:x")
	noError(t, c.DeleteTenant(t.Context(), "acme"))
	if exists("tenant") {
		t.Error("a session of a deleted tenant is found")
	}
}
