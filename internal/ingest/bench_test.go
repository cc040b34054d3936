package ingest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/internal/event"
)

// benchBody is n events of about 300 bytes, one on each line.
func benchBody(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"event_id":"0197c5a0-7d3e-7a11-9c5e-%012x","type":"pageview","ts":%d,"client_id":"anon-%06d","session_id":"sess-%05d",`+
			`"url":"https://shop.example.com/products/%d?utm_source=news","referrer":"https://www.google.com/","props":{"plan":"pro","price":%d.5,"items":%d,"logged_in":true}}`+"\n",
			i*7919, 1782900000000+i, i%500, i%700, i%97, i%50, i%7)
	}
	return b.Bytes()
}

type noLog struct{}

func (noLog) Append(context.Context, uint16, *event.Batch) (uint64, error) { return 1, nil }

type noWriter struct{ h http.Header }

func (w *noWriter) Header() http.Header         { return w.h }
func (w *noWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *noWriter) WriteHeader(int)             {}

// BenchmarkIngest measures a request with 100 events from the handler's view: read, decode, validate, append to columns, answer.
func BenchmarkIngest(b *testing.B) {
	lines := benchBody(100)
	array := []byte("[" + strings.ReplaceAll(strings.TrimSpace(string(lines)), "\n", ",") + "]")
	for name, body := range map[string][]byte{"lines": lines, "array": array, "gzip": zip(string(lines)), "zstd": zst(string(lines))} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, func(_ *Config, d *Deps) { d.Gatherer = noLog{} })
			req := httptest.NewRequest("POST", "/ingest", nil)
			req.Header.Set("Authorization", "Bearer writer:acme:site-1")
			w := &noWriter{http.Header{}}
			rd := bytes.NewReader(nil)
			b.ReportAllocs()
			cpu := cpuTime()
			for b.Loop() {
				rd.Reset(body)
				req.Body = readCloser{rd}
				req.ContentLength = int64(len(body))
				r.Ingest(w, req)
			}
			b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N)/100, "cpu-ns/event")
			b.ReportMetric(float64(len(lines))/100, "bytes/event")
		})
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func BenchmarkDecode(b *testing.B) {
	cfg := Config{}.withDefaults()
	d := newDecoder(&cfg)
	lines := bytes.Split(bytes.TrimSpace(benchBody(100)), []byte("\n"))
	b.ReportAllocs()
	for b.Loop() {
		for _, l := range lines {
			if rej := d.decode(l); rej != nil {
				b.Fatal(rej)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
}

// BenchmarkHTTP is BenchmarkIngest over a real connection; the client's part of the CPU is small: it writes prepared bytes.
func BenchmarkHTTP(b *testing.B) {
	r := newRig(b, func(_ *Config, d *Deps) { d.Gatherer = noLog{} })
	srv := httptest.NewServer(r.mux)
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	body := benchBody(100)
	raw := append([]byte(head+fmt.Sprintf("Content-Length: %d\r\nPrefer: return=minimal\r\n\r\n", len(body))), body...)
	answer := make([]byte, 4096)
	b.ReportAllocs()
	cpu := cpuTime()
	for b.Loop() {
		if _, err := c.Write(raw); err != nil {
			b.Fatal(err)
		}
		if n, err := c.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 204")) {
			b.Fatalf("%v %s", err, answer[:n])
		}
	}
	b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N)/100, "cpu-ns/event")
}

// cpuTime is the CPU time of this process: unlike the clock it does not show other processes' load.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
