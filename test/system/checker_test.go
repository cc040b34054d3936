//go:build system

package system

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"weir/test/system/harness"
)

// The checker compares what clients saw with what they may see, while the engine and the process are killed. Each writer writes events 1, 2, 3 … and
// repeats one until it is acknowledged; a reader sees how many of each writer there are.

const writers = 3

// counts is how many events of each writer there are.
type counts [writers]int

// asked is what an operation asked: an event of a writer, or (writer -1) what there is.
type asked struct {
	writer  int
	atMost  counts // of a read: what had been begun to be written when it ended
	atLeast counts // of a read with a token: what the token names
}

// strongModel: every read sees exactly what was written before it. A write takes effect between its first attempt and its acknowledgement.
var strongModel = porcupine.Model{
	Init: func() any { return counts{} },
	Step: func(state, input, output any) (bool, any) {
		s, in := state.(counts), input.(asked)
		if in.writer < 0 {
			return s == output.(counts), s
		}
		s[in.writer]++
		return true, s
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %v", in, out) },
}

// readModel: what was seen once is seen ever after, nothing is seen that was not written, and a read with a token sees what the token names.
var readModel = porcupine.Model{
	Init: func() any { return counts{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(counts), input.(asked), output.(counts)
		for i := range out {
			if out[i] < s[i] || out[i] < in.atLeast[i] || out[i] > in.atMost[i] {
				return false, s
			}
		}
		return true, out
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %v", in, out) },
}

// history is what the clients of one tenant did.
type history struct {
	t      *testing.T
	srv    *harness.Server
	tenant harness.Tenant
	start  time.Time
	stop   chan struct{}
	wg     sync.WaitGroup

	begun, acked [writers]atomic.Int64

	mu        sync.Mutex
	ops       []porcupine.Operation
	tokens    []read
	snapshots []read // of answers, to be read again
	hits      int
}

// read is a token, and what is known to be seen with it.
type read struct {
	token string
	seen  counts
}

func (h *history) now() int64 { return int64(time.Since(h.start)) }

func (h *history) note(client int, in asked, out any, call int64) {
	op := porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call, Return: h.now()}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

func (h *history) over() bool {
	select {
	case <-h.stop:
		return true
	default:
		return false
	}
}

// send posts a body and returns the answer's body if its status is 200.
func (h *history) send(path, key string, body []byte) ([]byte, http.Header) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.srv.URL+path, bytes.NewReader(body))
	if err != nil {
		h.t.Error(err)
		return nil, nil
	}
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		if resp.StatusCode == 422 || resp.StatusCode == 400 {
			h.t.Errorf("%s: %d %s", path, resp.StatusCode, b)
		}
		return nil, nil
	}
	return b, resp.Header
}

// write writes events of one writer until the end; the last one is acknowledged too.
func (h *history) write(w int, rng *rand.Rand) {
	defer h.wg.Done()
	for n := 1; !h.over(); n++ {
		body := fmt.Appendf(nil, `{"event_id":"w%d-%d","type":"write","client_id":"w%d"}`, w, n, w)
		h.begun[w].Add(1)
		call := h.now()
		for {
			b, _ := h.send("/ingest", h.tenant.WriteKey, body)
			var ack struct {
				Accepted int
				Token    string
			}
			if b != nil && json.Unmarshal(b, &ack) == nil && ack.Accepted == 1 {
				h.note(w, asked{writer: w}, nil, call)
				h.acked[w].Add(1)
				var seen counts
				seen[w] = n
				h.mu.Lock()
				h.tokens = append(h.tokens, read{ack.Token, seen})
				h.mu.Unlock()
				break
			}
			time.Sleep(time.Duration(10+rng.IntN(40)) * time.Millisecond)
		}
		time.Sleep(time.Duration(rng.IntN(250)) * time.Millisecond)
	}
}

const countSQL = "SELECT client_id, toString(count()), toString(uniqExact(event_id)) FROM events GROUP BY client_id"

// ask reads with some further fields until it is answered or the end has come.
func (h *history) ask(more map[string]string) (c counts, snapshot string, hit, ok bool, call int64) {
	q := map[string]string{"sql": countSQL, "format": "JSONCompact"}
	for k, v := range more {
		q[k] = v
	}
	body, err := json.Marshal(q)
	if err != nil {
		h.t.Error(err)
		return c, "", false, false, 0
	}
	for !h.over() {
		call = h.now() // an attempt without an answer has no effect
		b, head := h.send("/api/v1/query", h.tenant.Analyst, body)
		if b == nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		var got struct {
			Data     [][3]string
			Snapshot string
		}
		if err := json.Unmarshal(b, &got); err != nil {
			h.t.Errorf("%s: %v", b, err)
			return c, "", false, false, call
		}
		for _, row := range got.Data {
			var w int
			if _, err := fmt.Sscanf(row[0], "w%d", &w); err != nil || w >= writers || row[1] != row[2] {
				h.t.Errorf("a row that cannot be: %v", row)
				return c, "", false, false, call
			}
			fmt.Sscan(row[1], &c[w])
		}
		return c, got.Snapshot, head.Get("X-Weir-Cache") == "hit", true, call
	}
	return c, "", false, false, call
}

// readFresh reads what there is now; with tokens, now and then what a token names.
func (h *history) readFresh(client int, rng *rand.Rand, tokens bool) {
	defer h.wg.Done()
	for !h.over() {
		in := asked{writer: -1}
		more := map[string]string{}
		if h.mu.Lock(); tokens && len(h.tokens) > 0 && rng.IntN(2) == 0 {
			tok := h.tokens[len(h.tokens)-1-rng.IntN(min(3, len(h.tokens)))]
			more["min_token"], in.atLeast = tok.token, tok.seen
		}
		h.mu.Unlock()
		c, snapshot, hit, ok, call := h.ask(more)
		if !ok {
			return
		}
		for w := range in.atMost {
			in.atMost[w] = int(h.begun[w].Load())
		}
		h.note(client, in, c, call)
		h.mu.Lock()
		if hit {
			h.hits++
		}
		if len(h.snapshots) < 40 && rng.IntN(3) == 0 {
			h.snapshots = append(h.snapshots, read{token: snapshot})
		}
		h.mu.Unlock()
		time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
	}
}

// readAgain reads snapshots of earlier answers again and again: an answer stays what it was the first time.
func (h *history) readAgain(rng *rand.Rand) {
	defer h.wg.Done()
	first := map[string]counts{}
	for !h.over() {
		var snap string
		if h.mu.Lock(); len(h.snapshots) > 0 {
			snap = h.snapshots[rng.IntN(len(h.snapshots))].token
		}
		h.mu.Unlock()
		if snap == "" {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		c, again, _, ok, _ := h.ask(map[string]string{"as_of": snap})
		if !ok {
			return
		}
		if before, seen := first[snap]; seen && before != c {
			h.t.Errorf("as_of %s was %v and is %v", snap, before, c)
		}
		if again != snap {
			h.t.Errorf("the snapshot of as_of %s is %s", snap, again)
		}
		first[snap] = c
		time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
	}
	if len(first) == 0 {
		h.t.Error("nothing was read again")
	}
}

func (h *history) run(seed uint64, strong bool) {
	client := 0
	start := func(f func(rng *rand.Rand)) {
		client++
		h.wg.Add(1)
		rng := rand.New(rand.NewPCG(seed, uint64(client)))
		go f(rng)
	}
	for w := range writers {
		start(func(rng *rand.Rand) { h.write(w, rng) })
	}
	for r := range 2 {
		start(func(rng *rand.Rand) { h.readFresh(writers+r, rng, !strong) })
	}
	start(h.readAgain)
}

// check judges the history.
func (h *history) check(model porcupine.Model, writes bool) {
	h.t.Helper()
	ops := h.ops
	if !writes { // the model knows of reads only
		ops = slices.DeleteFunc(slices.Clone(ops), func(o porcupine.Operation) bool { return o.Input.(asked).writer >= 0 })
	}
	switch res := porcupine.CheckOperationsTimeout(model, ops, 40*time.Second); res {
	case porcupine.Ok:
		h.t.Logf("tenant %s: %d operations, %d answers from the cache, written %d %d %d", h.tenant.ID, len(ops), h.hits, h.acked[0].Load(), h.acked[1].Load(), h.acked[2].Load())
	default:
		h.t.Errorf("tenant %s: the history of %d operations is %s", h.tenant.ID, len(ops), res)
		for _, o := range ops[max(0, len(ops)-50):] {
			h.t.Logf("%9.3f %9.3f client %d: %+v → %v", float64(o.Call)/1e9, float64(o.Return)/1e9, o.ClientId, o.Input, o.Output)
		}
	}
}

func TestConsistency(t *testing.T) {
	t.Parallel()
	kills, every := 4, 5*time.Second
	if testing.Short() {
		kills, every = 2, 4*time.Second
	}
	srv := harness.StartT(t, harness.Config{Args: []string{"--query-token-wait", "8s"}})
	begin := time.Now()
	var all []*history
	for _, id := range []string{"strong", "plain"} {
		tenant, err := srv.NewTenant(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if id == "strong" {
			if err := srv.Admin().Do(t.Context(), http.MethodPatch, "/api/v1/tenants/strong/sources/web", map[string]bool{"strong": true}, nil); err != nil {
				t.Fatal(err)
			}
		}
		h := &history{t: t, srv: srv, tenant: tenant, start: begin, stop: make(chan struct{})}
		all = append(all, h)
		h.run(uint64(len(all)), id == "strong")
	}
	for n := range kills {
		time.Sleep(every)
		if n%2 == 0 {
			if pid := srv.EnginePID(); pid > 0 {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Errorf("kill the engine: %v", err)
				}
			}
			continue
		}
		if err := srv.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := srv.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(every)
	for _, h := range all {
		close(h.stop)
	}
	for _, h := range all {
		h.wg.Wait()
	}
	all[0].check(strongModel, true)
	all[1].check(readModel, false)
}

// TestCheckerSees makes sure that the models refuse what must not be.
func TestCheckerSees(t *testing.T) {
	write := func(w int, call, ret int64) porcupine.Operation {
		return porcupine.Operation{ClientId: w, Input: asked{writer: w}, Call: call, Return: ret}
	}
	see := func(c counts, call, ret int64, in asked) porcupine.Operation {
		in.writer = -1
		return porcupine.Operation{ClientId: 5, Input: in, Output: c, Call: call, Return: ret}
	}
	many := asked{atMost: counts{9, 9, 9}}
	for name, c := range map[string]struct {
		model porcupine.Model
		ops   []porcupine.Operation
		want  bool
	}{
		"strong":             {strongModel, []porcupine.Operation{write(0, 1, 2), see(counts{1}, 3, 4, many)}, true},
		"strong, meanwhile":  {strongModel, []porcupine.Operation{write(0, 1, 9), see(counts{1}, 3, 4, many), see(counts{1}, 5, 6, many)}, true},
		"strong, missing":    {strongModel, []porcupine.Operation{write(0, 1, 2), see(counts{}, 3, 4, many)}, false},
		"strong, twice":      {strongModel, []porcupine.Operation{write(0, 1, 2), see(counts{2}, 3, 4, many)}, false},
		"strong, gone again": {strongModel, []porcupine.Operation{write(0, 1, 9), see(counts{1}, 3, 4, many), see(counts{}, 5, 6, many)}, false},
		"reads":              {readModel, []porcupine.Operation{see(counts{1}, 1, 2, many), see(counts{1, 1}, 3, 4, many)}, true},
		"reads, older":       {readModel, []porcupine.Operation{see(counts{1}, 1, 2, many), see(counts{}, 3, 4, many)}, false},
		"reads, crossing":    {readModel, []porcupine.Operation{see(counts{1, 0}, 1, 9, many), see(counts{0, 1}, 2, 8, many)}, false},
		"token":              {readModel, []porcupine.Operation{see(counts{1}, 1, 2, asked{atMost: counts{9}, atLeast: counts{2}})}, false},
		"from nowhere":       {readModel, []porcupine.Operation{see(counts{2}, 1, 2, asked{atMost: counts{1}})}, false},
	} {
		if got := porcupine.CheckOperations(c.model, c.ops); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
