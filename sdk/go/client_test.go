package weir

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server is a weir without a network: it answers requests with what next says and remembers them.
type server struct {
	mu       sync.Mutex
	requests []request
	next     func(r request) (*http.Response, error) // nil: everything is accepted
}

type request struct {
	at   time.Time
	url  string
	head http.Header
	ids  []string
	size int // of the lines
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	zip, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	req := request{at: time.Now(), url: r.URL.String(), head: r.Header}
	for lines := bufio.NewReader(zip); ; {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		var e struct {
			ID string `json:"event_id"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		req.ids = append(req.ids, e.ID)
		req.size += len(line)
	}
	s.mu.Lock()
	s.requests = append(s.requests, req)
	next := s.next
	s.mu.Unlock()
	if next == nil {
		return accept(len(req.ids)), nil
	}
	return next(req)
}

// taken is how often each id was sent.
func (s *server) taken() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for _, r := range s.requests {
		for _, id := range r.ids {
			n[id]++
		}
	}
	return n
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func respond(status int, body string, head ...string) *http.Response {
	r := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	return r
}

func accept(n int) *http.Response {
	return respond(200, fmt.Sprintf(`{"accepted":%d,"rejected":[],"token":"t"}`, n))
}

func refuse(status int, code string) *http.Response {
	return respond(status, fmt.Sprintf(`{"code":%q,"detail":"no","field":"f"}`, code), "Content-Type", "application/problem+json")
}

// each answers requests one after the other, and accepts what comes after.
func each(answers ...func(r request) (*http.Response, error)) func(r request) (*http.Response, error) {
	n := 0
	return func(r request) (*http.Response, error) {
		if n++; n <= len(answers) {
			return answers[n-1](r)
		}
		return accept(len(r.ids)), nil
	}
}

func status(code int, head ...string) func(request) (*http.Response, error) {
	return func(request) (*http.Response, error) { return respond(code, "", head...), nil }
}

// start makes a client in a bubble of virtual time, in which goroutines that are left make the test fail.
func start(t *testing.T, s *server, opts Options) *Client {
	t.Helper()
	if opts.Endpoint == "" {
		opts.Endpoint = "https://weir.test"
	}
	if opts.WriteKey == "" {
		opts.WriteKey = "key"
	}
	opts.HTTP = &http.Client{Transport: s}
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func track(t *testing.T, c *Client, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := c.Track(t.Context(), Event{ID: id, Type: "e"}); err != nil {
			t.Fatal(err)
		}
	}
}

func stop(t *testing.T, c *Client) {
	t.Helper()
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := start(t, s, Options{Endpoint: "https://weir.test/below/", Site: "a b"})
		track(t, c, "1", "2")
		stop(t, c)
		r := s.requests[0]
		if r.url != "https://weir.test/below/ingest?site_id=a+b" || len(s.requests) != 1 || !reflect.DeepEqual(r.ids, []string{"1", "2"}) {
			t.Errorf("%d requests, the first to %s with %v", len(s.requests), r.url, r.ids)
		}
		for name, want := range map[string]string{"Authorization": "Bearer key", "Content-Encoding": "gzip", "User-Agent": "weir-go/" + Version} {
			if got := r.head.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := start(t, s, Options{BatchEvents: 3, FlushInterval: 10 * time.Second})
		begin := time.Now()
		track(t, c, "1")
		time.Sleep(4 * time.Second)
		track(t, c, "2")
		synctest.Wait()
		if s.count() != 0 {
			t.Error("a batch that is not full did not wait")
		}
		time.Sleep(7 * time.Second)
		synctest.Wait()
		if s.count() != 1 || s.requests[0].at.Sub(begin) != 10*time.Second || len(s.requests[0].ids) != 2 {
			t.Errorf("after the interval: %+v", s.requests)
		}
		track(t, c, "3", "4", "5", "6") // three go at once, the fourth waits
		synctest.Wait()
		if s.count() != 2 || len(s.requests[1].ids) != 3 {
			t.Errorf("a full batch: %+v", s.requests)
		}
		stop(t, c)
		if s.count() != 3 {
			t.Errorf("%d requests, want 3", s.count())
		}
	})
}

func TestBatchBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := start(t, s, Options{BatchBytes: 1000})
		for range 20 {
			if err := c.Track(t.Context(), Event{Type: "e", Props: map[string]any{"x": strings.Repeat("x", 200)}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Track(t.Context(), Event{Type: "e", Props: map[string]any{"x": strings.Repeat("x", 2000)}}); err != nil {
			t.Fatal(err)
		}
		stop(t, c)
		for _, r := range s.requests {
			if r.size > 1000 && len(r.ids) > 1 {
				t.Errorf("a batch of %d bytes in %d events", r.size, len(r.ids))
			}
		}
		if n := len(s.taken()); n != 21 || c.Stats().Sent != 21 {
			t.Errorf("%d events arrived, %d are counted", n, c.Stats().Sent)
		}
	})
}

func TestRetry(t *testing.T) {
	lost := func(request) (*http.Response, error) { return nil, errors.New("connection reset") }
	cut := func(request) (*http.Response, error) { return respond(200, `{"accepted":2,"rej`), nil }
	other := func(request) (*http.Response, error) { return respond(200, `<html>Sign in</html>`), nil }
	wrong := func(request) (*http.Response, error) { return respond(200, `{"accepted":7}`), nil }
	far := func(request) (*http.Response, error) {
		return respond(200, `{"accepted":1,"rejected":[{"index":-1,"code":"x"}]}`), nil
	}
	damaged := func(request) (*http.Response, error) { return refuse(400, "body_truncated"), nil }
	proxy := func(request) (*http.Response, error) { return respond(400, "Bad Request"), nil }
	for name, tc := range map[string]struct {
		first       func(request) (*http.Response, error)
		least, most time.Duration
	}{
		"503":             {status(503), 1500 * time.Millisecond, 3 * time.Second},
		"502":             {status(502), 1500 * time.Millisecond, 3 * time.Second},
		"408":             {status(408), 1500 * time.Millisecond, 3 * time.Second},
		"500":             {status(500), 1500 * time.Millisecond, 3 * time.Second},
		"lost":            {lost, 1500 * time.Millisecond, 3 * time.Second},
		"cut off":         {cut, 1500 * time.Millisecond, 3 * time.Second},
		"no weir":         {other, 1500 * time.Millisecond, 3 * time.Second},
		"wrong counts":    {wrong, 1500 * time.Millisecond, 3 * time.Second},
		"wrong index":     {far, 1500 * time.Millisecond, 3 * time.Second},
		"seconds":         {status(429, "Retry-After", "7"), 14 * time.Second, 14 * time.Second},
		"date":            {status(503, "Retry-After", time.Date(2000, 1, 1, 0, 0, 40, 0, time.UTC).Format(http.TimeFormat)), 41 * time.Second, 42 * time.Second},
		"a year":          {status(503, "Retry-After", "31536000"), 2 * time.Hour, 2 * time.Hour},
		"no Retry-After":  {status(429, "Retry-After", "soon"), 1500 * time.Millisecond, 3 * time.Second},
		"401":             {status(401), 1500 * time.Millisecond, 3 * time.Second},
		"404":             {status(404), 1500 * time.Millisecond, 3 * time.Second},
		"redirect":        {status(302, "Location", "https://other.test/ingest"), 1500 * time.Millisecond, 3 * time.Second},
		"damaged":         {damaged, 1500 * time.Millisecond, 3 * time.Second},
		"400 of a proxy":  {proxy, 1500 * time.Millisecond, 3 * time.Second},
		"unknown success": {status(202), 1500 * time.Millisecond, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{next: each(tc.first, tc.first)}
				told := 0
				c := start(t, s, Options{MinBackoff: time.Second, OnError: func(error) { told++ }})
				track(t, c, "1", "2")
				begin := time.Now()
				if err := c.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				took := time.Since(begin)
				if took < tc.least || took > tc.most {
					t.Errorf("two failures took %v, want %v to %v", took, tc.least, tc.most)
				}
				if got := s.taken(); s.count() != 3 || got["1"] != 3 || got["2"] != 3 || len(got) != 2 {
					t.Errorf("%d requests with %v", s.count(), got)
				}
				if st := c.Stats(); told != 2 || st.Failures != 2 || st.Requests != 3 || st.Sent != 2 || st.LastError != nil || st.Queued != 0 {
					t.Errorf("told of %d failures; %+v", told, st)
				}
				stop(t, c)
			})
		})
	}
}

// A pause doubles up to its bound, and begins anew after a success.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{next: each(status(500), status(404), status(302), status(401), status(500), status(403))}
		c := start(t, s, Options{MinBackoff: time.Second, MaxBackoff: 8 * time.Second})
		track(t, c, "1")
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, most := range []time.Duration{1, 2, 4, 8, 8, 8} {
			most *= time.Second
			if d := s.requests[i+1].at.Sub(s.requests[i].at); d < most/2 || d > most {
				t.Errorf("pause %d is %v, want %v to %v", i+1, d, most/2, most)
			}
		}
		s.next = each(status(500))
		track(t, c, "2")
		begin := time.Now()
		stop(t, c)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("after a success the pause is %v", took)
		}
	})
}

// Every event of a batch that is too large arrives, but one that is too large alone, which is told.
func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rejected []string
		s := &server{}
		s.next = func(r request) (*http.Response, error) {
			for _, id := range r.ids {
				if id == "huge" {
					return respond(413, ""), nil
				}
			}
			if len(r.ids) > 3 {
				return refuse(413, "request_too_large"), nil
			}
			return accept(len(r.ids)), nil
		}
		c := start(t, s, Options{OnRejected: func(e Event, r Rejection) { rejected = append(rejected, e.ID+" "+r.Code) }})
		begin := time.Now()
		track(t, c, "1", "2", "3", "4", "5", "6", "huge", "8", "9", "10")
		stop(t, c)
		if !reflect.DeepEqual(rejected, []string{"huge request_too_large"}) {
			t.Errorf("rejected: %v", rejected)
		}
		if st := c.Stats(); st.Sent != 9 || st.Rejected != 1 || time.Since(begin) != 0 {
			t.Errorf("%+v after %v", st, time.Since(begin))
		}
	})
}

// After a 413 batches are smaller, and grow again.
func TestLimitRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{next: each(status(413))}
		c := start(t, s, Options{BatchBytes: 6400})
		track(t, c, "1", "2")
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.limit != 3200+2*100 {
			t.Errorf("the limit is %d", c.limit)
		}
		for i := range 100 {
			track(t, c, fmt.Sprint("x", i))
			if err := c.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if c.limit != 6400 {
			t.Errorf("the limit stays %d", c.limit)
		}
		stop(t, c)
	})
}

// A request that weir refuses for what is in it is halved until it is known which event that is.
func TestPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rejected []string
		s := &server{}
		s.next = func(r request) (*http.Response, error) {
			if strings.Contains(strings.Join(r.ids, " "), "bad") {
				return refuse(400, "malformed_json"), nil
			}
			return accept(len(r.ids)), nil
		}
		c := start(t, s, Options{OnRejected: func(e Event, r Rejection) { rejected = append(rejected, fmt.Sprint(e.ID, r)) }})
		track(t, c, "1", "2", "bad", "4", "5")
		stop(t, c)
		if !reflect.DeepEqual(rejected, []string{"bad{malformed_json f no}"}) || c.Stats().Sent != 4 {
			t.Errorf("rejected %v; %+v", rejected, c.Stats())
		}
	})
}

func TestRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		s := &server{next: each(func(request) (*http.Response, error) {
			return respond(200, `{"accepted":2,"rejected":[{"index":1,"code":"invalid_value","field":"ts","message":"cannot be read"}]}`), nil
		})}
		c := start(t, s, Options{OnRejected: func(e Event, r Rejection) {
			got = append(got, fmt.Sprintf("%s %s %v %s/%s/%s", e.ID, e.Type, e.Props["n"], r.Code, r.Field, r.Message))
		}})
		for i := range 3 {
			if err := c.Track(t.Context(), Event{ID: fmt.Sprint(i), Type: "e", Props: map[string]any{"n": i}}); err != nil {
				t.Fatal(err)
			}
		}
		stop(t, c)
		if !reflect.DeepEqual(got, []string{"1 e 1 invalid_value/ts/cannot be read"}) {
			t.Errorf("rejected: %q", got)
		}
		if st := c.Stats(); st.Sent != 2 || st.Rejected != 1 || st.Requests != 1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{next: func(request) (*http.Response, error) { return respond(503, ""), nil }}
		c := start(t, s, Options{QueueEvents: 3})
		track(t, c, "1", "2", "3")
		if err := c.Track(t.Context(), Event{Type: "e"}); !errors.Is(err, ErrQueueFull) {
			t.Errorf("a fourth event: %v", err)
		}
		time.Sleep(time.Minute)
		s.mu.Lock()
		s.next = nil
		s.mu.Unlock()
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		track(t, c, "4")
		stop(t, c)
		for _, id := range []string{"1", "2", "3", "4"} {
			if s.taken()[id] == 0 {
				t.Errorf("%s never arrived", id)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &server{}, Options{QueueBytes: 120, MaxEventBytes: 100})
		for event, want := range map[string]error{strings.Repeat("x", 100): ErrTooLarge, "e": nil} {
			if err := c.Track(t.Context(), Event{ID: "i", Type: event}); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", event, err, want)
			}
		}
		stop(t, c)
	})
}

func TestBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{next: each(status(503), status(503))}
		c := start(t, s, Options{QueueEvents: 2, Block: true})
		for i := range 20 {
			track(t, c, fmt.Sprint(i))
		}
		s.mu.Lock()
		s.next = func(request) (*http.Response, error) { return respond(503, ""), nil }
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var err error
		for err == nil {
			err = c.Track(ctx, Event{ID: "last", Type: "e"})
		}
		if !errors.Is(err, ErrQueueFull) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a queue that stays full: %v", err)
		}
		s.mu.Lock()
		s.next = nil
		s.mu.Unlock()
		stop(t, c)
		if n := len(s.taken()); n < 20 {
			t.Errorf("%d events arrived", n)
		}
	})
}

func TestExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{next: func(request) (*http.Response, error) { return nil, errors.New("down") }}
		var dropped []string
		c := start(t, s, Options{MaxAge: time.Hour, OnDropped: func(e Event, err error) {
			if !errors.Is(err, ErrExpired) {
				t.Error(err)
			}
			dropped = append(dropped, e.ID)
		}})
		track(t, c, "1", "2")
		time.Sleep(50 * time.Minute)
		track(t, c, "3")
		time.Sleep(20 * time.Minute)
		s.mu.Lock()
		s.next = nil
		s.mu.Unlock()
		stop(t, c)
		if st := c.Stats(); !reflect.DeepEqual(dropped, []string{"1", "2"}) || st.Dropped != 2 || st.Sent != 1 {
			t.Errorf("dropped %v; %+v", dropped, st)
		}
	})
}

func TestFlushAndCloseEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{next: func(request) (*http.Response, error) { return nil, errors.New("no route") }}
		c := start(t, s, Options{})
		track(t, c, "1", "2")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := c.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 events") || !strings.Contains(err.Error(), "no route") {
			t.Errorf("flush: %v", err)
		}
		begin := time.Now()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 events were not confirmed") {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("close with a context that has ended took %v", took)
		}
		if err := c.Track(t.Context(), Event{Type: "e"}); !errors.Is(err, ErrClosed) {
			t.Errorf("track after close: %v", err)
		}
		if err := c.Flush(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("flush after close: %v", err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("a second close: %v", err)
		}
	})
}

// hanging is a server that never answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestHangingServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{Endpoint: "https://weir.test", WriteKey: "k", HTTP: &http.Client{Transport: hanging{}}, Timeout: 10 * time.Second, MinBackoff: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		track(t, c, "1")
		time.Sleep(time.Minute)
		if st := c.Stats(); st.Failures < 3 {
			t.Errorf("an attempt has no end: %+v", st)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Close(ctx); err == nil {
			t.Error("close says that all went well")
		}
	})
}

func TestManyGoroutines(t *testing.T) {
	for _, spooled := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{}
			opts := Options{QueueEvents: 50, BatchEvents: 20, Block: true, FlushInterval: time.Millisecond}
			if spooled {
				opts.Spool, opts.Sync = t.TempDir(), SyncEach
			}
			c := start(t, s, opts)
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for i := range 200 {
						if err := c.Track(t.Context(), Event{ID: fmt.Sprint(g, "-", i), Type: "e"}); err != nil {
							t.Error(err)
						}
						if i%50 == 0 {
							if err := c.Flush(t.Context()); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			wg.Wait()
			stop(t, c)
			taken := s.taken()
			for id, n := range taken {
				if n != 1 {
					t.Errorf("%s was sent %d times", id, n)
				}
			}
			if len(taken) != 1600 || c.Stats().Sent != 1600 {
				t.Errorf("%d events arrived, %d are counted", len(taken), c.Stats().Sent)
			}
		})
	}
}

// Close while others track: what Track took is sent, what came later was refused.
func TestCloseUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := start(t, s, Options{})
		var wg sync.WaitGroup
		var mu sync.Mutex
		took := map[string]bool{}
		for g := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					id := fmt.Sprint(g, "-", i)
					err := c.Track(t.Context(), Event{ID: id, Type: "e"})
					if errors.Is(err, ErrClosed) {
						return
					} else if err == nil {
						mu.Lock()
						took[id] = true
						mu.Unlock()
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		stop(t, c)
		wg.Wait()
		if len(took) == 0 || len(took) != len(s.taken()) {
			t.Errorf("%d taken, %d arrived", len(took), len(s.taken()))
		}
	})
}

// cancelled is a context that has ended.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
