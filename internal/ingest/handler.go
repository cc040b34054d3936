package ingest

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Authenticator finds out who makes a request.
type Authenticator interface {
	Authenticate(r *http.Request) (tenant.Principal, *problem.Problem)
	// AuthenticateKey takes the key from where a foreign protocol puts it instead of from the headers.
	AuthenticateKey(r *http.Request, key string) (tenant.Principal, *problem.Problem)
	// IsKey says whether a text is a key, or written like one. It is then never taken for the name of a source.
	IsKey(text string) bool
}

// Deps are what the doors work with. All are required but those that say what nil means, Registerer and Now.
type Deps struct {
	Catalog    Catalog
	Auth       Authenticator
	Enricher   Enricher
	Gatherer   Gatherer
	Partitions int        // of the log
	Backlog    Backlog    // nil: never behind
	Account    Account    // nil: nobody counts
	Sink       usage.Sink // nil: nobody is told what requests used
	Limiter    Limiter    // nil: no tenant has limits
	Addresses  Addresses  // nil: no address has one
	Visitors   Visitors   // nil: who has no client id stays unknown
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // default time.Now; a seam of tests
}

// Handler serves the doors. It is safe for concurrent use and keeps no goroutines.
type Handler struct {
	cfg     Config
	deps    Deps
	log     *slog.Logger
	budget  *budget
	metrics *metrics
	readers readers
	jobs    sync.Pool // *job
	batches event.Pool
	warned  quiet
	drains  drains
}

// New returns the doors.
func New(cfg Config, deps Deps) (*Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	var errs []error
	require := func(ok bool, name string) {
		if !ok {
			errs = append(errs, errors.New("ingest: "+name+" is missing"))
		}
	}
	require(deps.Catalog != nil, "Catalog")
	require(deps.Auth != nil, "Auth")
	require(deps.Enricher != nil, "Enricher")
	require(deps.Gatherer != nil, "Gatherer")
	require(deps.Logger != nil, "Logger")
	require(deps.Partitions > 0 && deps.Partitions <= 1<<16, "Partitions (1 to 65536)")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	h := &Handler{cfg: cfg.withDefaults(), deps: deps, log: deps.Logger.With("component", "ingest"), drains: newDrains()}
	h.budget = &budget{max: h.cfg.MaxBufferedBytes}
	m, err := newMetrics(deps.Registerer, h.budget)
	if err != nil {
		return nil, err
	}
	h.metrics = m
	return h, nil
}

// Register adds the doors to a mux: /collect, /pixel.gif, /ingest and /api/v1/events.
func (h *Handler) Register(mux *http.ServeMux) {
	mux.HandleFunc("/collect", h.Collect)
	mux.HandleFunc("/pixel.gif", h.Pixel)
	mux.HandleFunc("/ingest", h.Ingest)
	mux.HandleFunc("/api/v1/events", h.Metered)
}

// Names of headers.
const (
	tokenHeader    = "X-Weir-Token"    // the consistency token, on every success that stored something
	rejectedHeader = "X-Weir-Rejected" // how many events of a successful request were rejected, if any
	modeHeader     = "X-Weir-Mode"     // "import"
)

// weir's own doors.
var (
	collectDoor = Door{Name: "collect", Methods: []string{http.MethodPost}, Public: true}
	pixelDoor   = Door{Name: "pixel", Methods: []string{http.MethodGet}, Public: true, Refuse: refusePixel}
	ingestDoor  = Door{Name: "ingest", Methods: []string{http.MethodPost}}
)

// Collect serves POST /collect: the public door of browsers.
func (h *Handler) Collect(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, &collectDoor, h.collect)
}

// Pixel serves GET /pixel.gif: the public door of what cannot POST.
func (h *Handler) Pixel(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, &pixelDoor, h.pixel)
}

// Ingest serves POST /ingest: the door of servers, which have a key.
func (h *Handler) Ingest(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, &ingestDoor, h.ingest)
}

// serve does what all doors have in common.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, door *Door, do func(http.ResponseWriter, *http.Request, *job) *problem.Problem) {
	if cors(w, r) {
		return
	}
	start := time.Now()
	prob, body := h.guarded(w, r, door, do)
	code := "ok"
	if prob != nil {
		code = prob.Code
	}
	h.metrics.requests.WithLabelValues(door.Name, code).Inc()
	h.metrics.seconds.WithLabelValues(door.Name).Observe(time.Since(start).Seconds())
	if prob == nil {
		return
	}
	refuse := func(w http.ResponseWriter) {
		if door.Refuse != nil {
			door.Refuse(w, r, prob)
		} else {
			prob.Write(w)
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	closes, drain := h.unread(r, prob, body)
	if closes {
		w.Header().Set("Connection", "close")
	}
	if drain {
		h.drain(w, r.Body, refuse)
	} else {
		refuse(w)
	}
}

// guarded answers a request, or returns why it is refused, and how far the body was read.
func (h *Handler) guarded(w http.ResponseWriter, r *http.Request, door *Door, do func(http.ResponseWriter, *http.Request, *job) *problem.Problem) (prob *problem.Problem, body reading) {
	if !door.allows(r.Method) {
		methods := strings.Join(door.Methods, ", ")
		w.Header().Set("Allow", methods+", OPTIONS")
		return problem.New(http.StatusMethodNotAllowed, "method_not_allowed", "%s takes %s, not %s", clip(r.URL.Path), methods, clip(r.Method)), bodyUntouched
	}
	var behind *problem.Problem
	if h.deps.Backlog != nil {
		if err := h.deps.Backlog.Backlog(); err != nil {
			if behind = h.behind(err); !door.Once {
				return behind, bodyUntouched
			}
		}
	}
	if door.Public {
		if prob := h.address(r); prob != nil {
			return prob, bodyUntouched
		}
	}
	defer usage.Label(r.Context(), usage.Door, "")() // until the tenant is known
	j := h.job(door.Name)
	j.behind = behind
	defer h.release(j)
	prob = do(w, r, j)
	if prob != nil && prob.Code == tenant.CodeSuspended && j.tenant.ID != "" {
		j.countSuspended(prob)
	}
	if prob != nil && j.denied != nil {
		j.countDenied()
	}
	if prob != nil && j.barred != nil {
		j.countBarred()
	}
	return prob, j.share.body
}

func (h *Handler) behind(err error) *problem.Problem {
	var prob *problem.Problem
	if errors.As(err, &prob) {
		return prob
	}
	return problem.New(http.StatusServiceUnavailable, "overloaded",
		"events come in faster than they are processed: %v; send the request again a little later", err).
		WithLimit("processor_backlog", 0).WithRetry(time.Second)
}

// job is one request in work, with memory that is reused. Everything a sender gives goes through it.
type job struct {
	h        *Handler
	door     string
	now      int64 // Unix milliseconds
	skew     int64 // of the sender's clock: what must be added to its times, where an event says nothing else
	share    share
	reserved usage.Reserve // of the tenant's limits
	held     int           // bytes of the bodies
	bytes    int           // of the body, decompressed
	raw      []byte        // what is being read: the event, or before the first one the body
	began    time.Time
	dec      *decoder

	tenant    catalog.Tenant
	public    bool   // address and user agent of the request are the sender's
	keyed     bool   // opened with a key: an address in an event counts
	bound     string // site_id that all events must have, or ""
	imports   bool
	cloudOnly bool     // only CloudEvents are taken
	ends      []func() // called when the request ends: what holds its bytes is given back
	origin    string   // of the page that sends, and the header that tells it
	paged     string
	ip        netip.Addr
	agent     []byte // of the request
	own       []byte // copies that must outlive the decoding of an event

	home    *site            // of events without a site_id
	denied  *site            // to which the page that sends may not send: the request is refused, and nothing of it is counted yet
	barred  *problem.Problem // why a known key may not send: so likewise
	behind  *problem.Problem // why nothing is taken at the moment, of a door whose clients send nothing again: the request is read so that it is known whose loss it is
	untaken bool             // the log refused the events outright: none of them is stored, nor will be
	sites   map[string]*site
	last    *site // the latest found, and how it was written
	lastKey []byte

	facts      event.Facts // of factsIP and factsAgent
	factsIP    netip.Addr
	factsBare  bool
	factsAgent []byte
	hasFacts   bool

	batches    []*event.Batch // by place in the tenant's range
	index      int            // events seen
	accepted   int
	rejects    []Reject
	rejected   int
	unreadable int  // rejected events that are no JSON
	unsited    site // counts events whose site is not known
}

// site is a source as a request sees it, and what became of its events.
type site struct {
	id       string
	src      catalog.Source
	rej      *reject // why no event for it is taken
	accepted int
	rejected []Rejection
}

// reject counts an event. example is called for the first of a code.
func (s *site) reject(code string, example func(*Rejection)) {
	for i := range s.rejected {
		if s.rejected[i].Code == code {
			s.rejected[i].Count++
			return
		}
	}
	r := Rejection{Code: code, Count: 1}
	if example != nil {
		example(&r)
	}
	s.rejected = append(s.rejected, r)
}

func (h *Handler) job(door string) *job {
	j, _ := h.jobs.Get().(*job)
	if j == nil {
		j = &job{h: h, dec: newDecoder(&h.cfg), sites: map[string]*site{}}
	}
	j.door, j.now, j.began = door, h.deps.Now().UnixMilli(), time.Now()
	j.share = share{of: h.budget}
	return j
}

// keepSlices is the longest slice that a job keeps for reuse.
const keepSlices = 1 << 16

func (h *Handler) release(j *job) {
	j.giveBack()
	j.share.release()
	for i, end := range j.ends {
		end()
		j.ends[i] = nil
	}
	for i, b := range j.batches {
		if b != nil {
			h.batches.Put(b)
		}
		j.batches[i] = nil
	}
	dec, sites := j.dec, j.sites
	dec.reset()
	dec.checkUTF8, dec.checkNUL, dec.cloudHint, dec.lastWins, dec.eventMax, dec.tenantMax, dec.defaults = false, false, false, false, h.cfg.MaxEventBytes, false, senderIDs{}
	dec.jx.ResetBytes(nil)
	dec.str.ResetBytes(nil)
	if cap(dec.arena) > keepSlices || cap(j.rejects) > keepSlices || cap(dec.keys.entries) > keepSlices || cap(j.own) > keepSlices {
		return
	}
	clear(sites)
	*j = job{h: h, dec: dec, sites: sites, batches: j.batches[:0], rejects: j.rejects[:0], own: j.own[:0], ends: j.ends[:0],
		lastKey: j.lastKey[:0], factsAgent: j.factsAgent[:0]}
	h.jobs.Put(j)
}

// quiet lets one message through every ten seconds, and counts the others.
type quiet struct {
	mu   sync.Mutex
	next time.Time
	lost int
}

func (q *quiet) allow(now time.Time) (lost int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Before(q.next) {
		q.lost++
		return 0, false
	}
	lost, q.lost, q.next = q.lost, 0, now.Add(10*time.Second)
	return lost, true
}
