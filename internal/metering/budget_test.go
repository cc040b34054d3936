package metering

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// hook is a webhook that fails as often as it is told to.
type hook struct {
	*httptest.Server
	mu    sync.Mutex
	fail  int
	calls []hookCall
}

type hookCall struct {
	header http.Header
	body   []byte
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.calls = append(h.calls, hookCall{r.Header, body})
		if len(h.calls) <= h.fail {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) got() []hookCall {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]hookCall(nil), h.calls...)
}

func (m *Meter) spend(t testing.TB, id tenant.ID, amount float64) {
	t.Helper()
	seconds := amount / m.book(hourOf(m.cfg.Now())).CPUSecond
	c := m.charged(t, window{sampled: true, cpu: seconds, parts: map[part]float64{{component: usage.Query, tenant: id}: seconds}}, nil)
	m.budgets.look(m.cfg.Now(), c.touched)
}

func withBudget(b *catalog.Budget) func(*Config) {
	return func(c *Config) {
		c.Budget = func(t tenant.ID) (catalog.Budget, bool) { return *b, t == "a" }
		c.Webhook = WebhookConfig{Secret: []byte("secret"), AllowPrivate: true, Backoff: time.Millisecond}
	}
}

func drain(m *Meter, until func() bool) {
	for range 1000 {
		m.budgets.sendDue(context.Background())
		if until() {
			return
		}
		time.Sleep(time.Millisecond) // the backoff of the test's configuration
	}
}

func TestBudgetNotices(t *testing.T) {
	h := newHook(t)
	h.fail = 2
	budget := &catalog.Budget{Amount: 100, Action: catalog.BudgetBlock, Webhook: h.URL}
	m, _ := newMeter(t, withBudget(budget))
	m.spend(t, "a", 49)
	if left, ok := m.Remaining("a"); !ok || !near(left, 51) {
		t.Errorf("remaining %v, %v", left, ok)
	}
	drain(m, func() bool { return true })
	if n := len(h.got()); n != 0 {
		t.Errorf("%d notices below the first threshold", n)
	}
	m.spend(t, "a", 2)
	m.spend(t, "a", 1)
	drain(m, func() bool { return len(h.got()) >= 3 })
	drain(m, func() bool { return true })
	calls := h.got()
	if len(calls) != 3 {
		t.Fatalf("%d calls, want 2 failures and one success", len(calls))
	}
	id := calls[0].header.Get(headerDelivery)
	for i, c := range calls {
		if c.header.Get(headerDelivery) != id || id == "" || c.header.Get(headerAttempt) != fmt.Sprint(i+1) {
			t.Errorf("call %d: delivery %q, attempt %q", i, c.header.Get(headerDelivery), c.header.Get(headerAttempt))
		}
	}
	var msg struct {
		Type, Tenant, Month, Currency, Action string
		Threshold                             int `json:"threshold_percent"`
		Budget, Spent                         float64
	}
	must(t, json.Unmarshal(calls[2].body, &msg))
	if msg.Type != "budget.threshold" || msg.Tenant != "a" || msg.Threshold != 50 || msg.Budget != 100 || !near(msg.Spent, 51) || msg.Action != "block" || msg.Month != "2026-06" {
		t.Errorf("%s", calls[2].body)
	}
	verifySignature(t, m, calls[2])
	if m.BudgetAction("a") != "" {
		t.Error("the budget acts before it is spent")
	}
	m.spend(t, "a", 60)
	drain(m, func() bool { return len(h.got()) >= 5 })
	if m.BudgetAction("a") != catalog.BudgetBlock || m.BudgetAction("b") != "" {
		t.Error("a spent budget does not act")
	}
	budget.Amount = 1000
	m.spend(t, "a", 1)
	drain(m, func() bool { return true })
	if n := len(h.got()); n != 5 || m.BudgetAction("a") != "" {
		t.Errorf("%d calls after the budget was raised, want 5", n)
	}
}

func verifySignature(t *testing.T, m *Meter, c hookCall) {
	t.Helper()
	at, sum, ok := strings.Cut(strings.TrimPrefix(c.header.Get(headerSignature), "t="), ",v1=")
	h := hmac.New(sha256.New, []byte(m.budgets.sender.key("a")))
	h.Write([]byte(at + "." + string(c.body)))
	if want := hex.EncodeToString(h.Sum(nil)); !ok || sum != want {
		t.Errorf("signature %q, want %s", c.header.Get(headerSignature), want)
	}
	if m.budgets.sender.key("a") == m.budgets.sender.key("b") {
		t.Error("two tenants have one key")
	}
}

// A crash between the note and the answer sends the notice again, under the same id and with a higher attempt; one that is settled is not sent again.
func TestNoticesSurviveCrashes(t *testing.T) {
	h := newHook(t)
	budget := &catalog.Budget{Amount: 100, Webhook: h.URL}
	fs := vfs.NewCrashableMem()
	db := openDB(t, fs)
	at := time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	open := func() *Meter {
		cfg := Config{DB: db, Now: func() time.Time { return at }}
		withBudget(budget)(&cfg)
		m, err := New(cfg)
		must(t, err)
		return m
	}
	crash := func() {
		clone := fs.CrashClone(vfs.CrashCloneCfg{})
		must(t, db.Close())
		fs, db = clone, openDB(t, clone)
	}
	m := open()
	m.spend(t, "a", 60)
	must(t, m.ledger.Flush(at, true))
	crash() // noted, not sent
	m = open()
	drain(m, func() bool { return len(h.got()) == 1 })
	crash() // sent and noted
	m = open()
	m.spend(t, "a", 1)
	drain(m, func() bool { return true })
	if n := len(h.got()); n != 1 {
		t.Fatalf("%d calls, want 1", n)
	}
	// The attempt was noted, its answer was not.
	for _, n := range m.budgets.notices {
		n.State = noticePending
		must(t, m.budgets.put(n))
	}
	crash()
	m = open()
	drain(m, func() bool { return len(h.got()) == 2 })
	calls := h.got()
	if len(calls) != 2 || calls[0].header.Get(headerDelivery) != calls[1].header.Get(headerDelivery) || calls[1].header.Get(headerAttempt) != "2" {
		t.Errorf("%d calls; the second: %v", len(calls), calls[len(calls)-1].header)
	}
	must(t, db.Close())
}

func TestBudgetMonth(t *testing.T) {
	budget := &catalog.Budget{Amount: 10, Action: catalog.BudgetThrottle}
	m, c := newMeter(t, withBudget(budget))
	m.spend(t, "a", 20)
	if m.BudgetAction("a") != catalog.BudgetThrottle {
		t.Error("not throttled")
	}
	if v, ok := m.budgetView("a", true); !ok || len(v.Notices) != 3 || v.Notices[0].State != noticeNoHook || !v.Exceeded || v.Remaining != 0 {
		t.Errorf("%+v", v)
	}
	c.now = time.Date(2026, 7, 1, 0, 0, 1, 0, time.UTC)
	if s, ok := m.BudgetState("a"); !ok || s.Spent != 0 || s.Exceeded {
		t.Errorf("in the new month: %+v", s)
	}
}

func TestWebhooksStayOutside(t *testing.T) {
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "127.0.0.1": false, "::1": false, "10.1.2.3": false, "192.168.0.1": false, "172.16.0.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "::": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "fe80::1": false, "fd00::1": false, "224.0.0.1": false,
		"255.255.255.255": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "198.18.0.1": false, "::127.0.0.1": false, "ff02::1": false,
	} {
		if got := public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: public is %v", addr, got)
		}
	}
	h := newHook(t)
	s := newSender(WebhookConfig{})
	_, port, _ := strings.Cut(strings.TrimPrefix(h.URL, "http://"), ":")
	for _, url := range []string{h.URL, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://0x7f000001:" + port, "ftp://example.com", "http://user:pw@example.com", "x", "http://"} {
		err := s.send(context.Background(), url, &notice{ID: "x", Tenant: "a"})
		if err == nil {
			t.Errorf("%s was called", url)
		}
	}
	if n := len(h.got()); n != 0 {
		t.Errorf("%d calls came through", n)
	}
	// A redirect is not followed: it would be a second address.
	away := httptest.NewServer(http.RedirectHandler(h.URL, http.StatusTemporaryRedirect))
	defer away.Close()
	if err := newSender(WebhookConfig{AllowPrivate: true}).send(context.Background(), away.URL, &notice{ID: "x"}); err == nil || len(h.got()) != 0 {
		t.Errorf("redirect: %v, %d calls", err, len(h.got()))
	}
}

// What is plainly inside is refused when it is set; where names lead is seen at each call.
func TestWebhookCheck(t *testing.T) {
	for url, want := range map[string]bool{
		"https://hooks.example.com/weir": true, "http://hooks.example.com.:8080/": true, "https://1and1.example/": true, "https://8.8.8.8/x": true, "https://[2606:4700::1111]/": true,
		"http://127.0.0.1/": false, "http://127.0.0.1:18300/": false, "http://169.254.169.254/": false, "http://10.0.0.53/": false, "http://192.168.1.1": false, "http://[::1]:80/": false,
		"http://[fe80::1%25eth0]/": false, "http://[::ffff:10.0.0.1]/": false, "http://[fd00::1]/": false, "http://0.0.0.0/": false, "http://100.64.0.1/": false, "http://127.0.0.1./": false,
		"http://localhost/": false, "http://LOCALHOST.:80/": false, "http://a.localhost/": false, "http://127.1/": false, "http://2130706433/": false, "http://0x7f000001/": false, "http://0177.0.0.1/": false,
	} {
		if err := (WebhookConfig{}).Check(url); (err == nil) != want {
			t.Errorf("%s: %v", url, err)
		}
		if err := (WebhookConfig{AllowPrivate: true}).Check(url); err != nil {
			t.Errorf("%s, where private ones are allowed: %v", url, err)
		}
	}
	for _, url := range []string{"https://hooks.example.com:99999/", "https://hooks.example.com:0/", "https://hooks.example.com:65536/"} {
		if err := (WebhookConfig{AllowPrivate: true}).Check(url); err == nil || !strings.Contains(err.Error(), "port") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if err := (WebhookConfig{}).Check("https://hooks.example.com:65535/"); err != nil {
		t.Error(err)
	}
}

// A tenant is not told what resolvers and connections say, nor whether a name is unknown or leads inside.
func TestWebhookReasons(t *testing.T) {
	end := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer silent.Close()
	defer close(end)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	secure.StartTLS()
	defer secure.Close()
	missing := httptest.NewServer(http.NotFoundHandler())
	defer missing.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	open := WebhookConfig{AllowPrivate: true, Timeout: 2 * time.Second}
	for name, tc := range map[string]struct {
		cfg  WebhookConfig
		url  string
		want string
	}{
		"a literal address inside": {WebhookConfig{}, missing.URL, reasonURL},
		"an unknown name":          {open, "http://none.invalid/", reasonHost},
		"silence":                  {WebhookConfig{AllowPrivate: true, Timeout: 100 * time.Millisecond}, silent.URL, reasonSilent},
		"a certificate":            {open, secure.URL, reasonTLS},
		"no TLS":                   {open, strings.Replace(missing.URL, "http:", "https:", 1), reasonTLS},
		"a status":                 {open, missing.URL, "it answered with status 404, want 2xx"},
		"nobody":                   {open, gone.URL, reasonLine},
	} {
		err := newSender(tc.cfg).send(t.Context(), tc.url, &notice{ID: "x", Tenant: "a"})
		if err == nil || reasonOf(err) != tc.want || shownReason(tc.want) != tc.want {
			t.Errorf("%s: %v, told as %q", name, err, reasonOf(err))
		}
	}
	inside := fmt.Errorf("webhook: %w", newSender(WebhookConfig{}).control("tcp", "10.0.0.7:18300", nil))
	if reasonOf(inside) != reasonHost || !strings.Contains(inside.Error(), "10.0.0.7") {
		t.Errorf("%v, told as %q", inside, reasonOf(inside))
	}
	var refused *refusedError
	if errors.As(inside, &refused) {
		t.Error("a name that leads inside is given up at once, unlike an unknown one")
	}
	for _, kept := range []string{"webhook: dial tcp: lookup example.com on 10.0.0.53:53: no such host", "the webhook leads to 127.0.0.1:18300, which is not a public address",
		"it answered with status 404, want 2xx; 10.0.0.53"} {
		if got := shownReason(kept); strings.Contains(got, "10.0.0") || strings.Contains(got, "127.0.0") {
			t.Errorf("%q is shown as %q", kept, got)
		}
	}
	// As the API shows it, and as the log has it.
	budget := &catalog.Budget{Amount: 100, Webhook: "http://none.invalid/"}
	var log bytes.Buffer
	m, _ := newMeter(t, func(c *Config) {
		withBudget(budget)(c)
		c.Webhook.Attempts, c.Logger = 1, slog.New(slog.NewTextHandler(&log, nil))
	})
	m.spend(t, "a", 60)
	drain(m, func() bool { return strings.Contains(log.String(), "given up") })
	if v, ok := m.budgetView("a", true); !ok || len(v.Notices) != 1 || v.Notices[0].Reason != reasonHost || v.Notices[0].State != noticeFailed || !strings.Contains(log.String(), "none.invalid") {
		t.Errorf("%+v; the log has %s", v.Notices, log.String())
	}
}

func FuzzCheckURL(f *testing.F) {
	f.Add("https://example.com/hook")
	f.Add("http://[::1%25eth0]:80/")
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := checkURL(s); err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil) {
			t.Errorf("%q is taken", s)
		}
	})
}
