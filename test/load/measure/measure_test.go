package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/client"
)

// server shows each marker a fixed time after its acknowledgement.
type server struct {
	mu    sync.Mutex
	delay time.Duration
	shown map[string]time.Time
	lose  bool // the first marker never appears
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/ingest" {
		var ev struct {
			Props struct{ N string } `json:"props"`
		}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &ev)
		s.shown[ev.Props.N] = time.Now().Add(s.delay)
		if s.lose && len(s.shown) == 1 {
			s.shown[ev.Props.N] = time.Now().Add(time.Hour)
		}
		fmt.Fprint(w, `{"accepted":1}`)
		return
	}
	rows := []map[string]string{}
	for n, at := range s.shown {
		if time.Now().After(at) {
			rows = append(rows, map[string]string{"n": n})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": rows})
}

// RoundTrip asks the server without a connection, in the time of a test's bubble.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestProber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: 80 * time.Millisecond, shown: map[string]time.Time{}, lose: true}
		c := client.New("http://weir.test", "", client.Options{HTTP: &http.Client{Transport: s}})
		p := Prober{Writer: c, Reader: c, SiteID: "s", Every: 10 * time.Millisecond, Poll: 5 * time.Millisecond}
		ctx, cancel := context.WithTimeout(t.Context(), 305*time.Millisecond)
		defer cancel()
		f := p.Run(ctx, 200*time.Millisecond)
		if f.Err != nil || f.Acked != 30 || f.Lost != 1 || f.Visible.Count() != f.Acked-1 {
			t.Fatalf("%d acknowledged, %d seen, %d lost: %v", f.Acked, f.Visible.Count(), f.Lost, f.Err)
		}
		for _, q := range []float64{0, 0.5, 1} { // 80 ms, and until the next question
			if got := f.Visible.Quantile(q); got < 80*time.Millisecond || got > 90*time.Millisecond {
				t.Errorf("freshness is %v at %v, want about 80ms", got, q)
			}
		}
	})
}

func TestProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	stop := Watch(context.Background(), Processes{Parent: os.Getpid(), Engine: os.Getpid()})
	held := make([]byte, 64<<20)
	for began, from := time.Now(), OwnCPU(); time.Since(began) < 5*sampleEvery || OwnCPU()-from < 150*time.Millisecond; { // a sample or two see all of it, also on a busy machine
		for i := range held {
			held[i]++
		}
	}
	u, err := stop()
	if err != nil {
		t.Fatal(err)
	}
	if u.Parent < 80*time.Millisecond || u.Generator < 80*time.Millisecond || u.PeakParent.Anon < 64<<20 || u.PeakRSS < 128<<20 {
		t.Errorf("got %+v", u)
	}
}

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"a/x/1": 100_000, "a/2": 50_000, "b": 10_000} {
		path := filepath.Join(dir, name)
		_ = os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "a/2"), filepath.Join(dir, "a/3")); err != nil {
		t.Fatal(err)
	}
	got, err := Disk(dir)
	if err != nil || got["a"] < 150_000 || got["a"] > 180_000 || got["b"] < 10_000 {
		t.Errorf("got %v, %v", got, err)
	}
}
