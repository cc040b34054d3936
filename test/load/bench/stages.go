package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"weir/internal/problem"
	"weir/test/load/drive"
	"weir/test/load/measure"
	"weir/test/system/harness"
)

const profileSeconds = 8

// stages divides the CPU of both processes at the maximum rate. The parent's share comes from its CPU profile, where it serves
// one to the operator; each sample belongs to the innermost package of weir on its stack.
func (b *bench) stages(ctx context.Context) error {
	loading, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	var res *drive.Result
	var lerr error
	done := make(chan struct{})
	stop := measure.Watch(ctx, b.processes())
	go func() {
		defer close(done)
		res, lerr = drive.Run(loading, b.load(0, profileSeconds*time.Second+2*time.Second))
	}()
	prof, err := b.profile(ctx)
	<-done
	if res != nil {
		b.total += res.Accepted
	}
	if lerr != nil {
		return lerr
	}
	if derr := b.drained(ctx); derr != nil {
		return derr
	}
	use, uerr := stop()
	if uerr != nil {
		return uerr
	}
	n := float64(res.Accepted)
	b.res.Stages = append(b.res.Stages, stage{"engine: insert, rollups, merges", float64(use.Engine.Microseconds()) / n})
	var p *problem.Problem
	if errors.As(err, &p) {
		say("weir serves no CPU profile (%s); its own CPU stays undivided", p.Code)
		b.res.Stages = append(b.res.Stages, stage{"weir's own process", float64(use.Parent.Microseconds()) / n})
		return nil
	}
	if err != nil {
		return err
	}
	shares, total := divide(prof)
	for name, v := range shares {
		b.res.Stages = append(b.res.Stages, stage{name, v / total * float64(use.Parent.Microseconds()) / n})
	}
	sort.Slice(b.res.Stages, func(i, j int) bool { return b.res.Stages[i].Micro > b.res.Stages[j].Micro })
	for _, s := range b.res.Stages {
		say("%-40s %.3f µs/event", s.Name, s.Micro)
	}
	return nil
}

// profile takes a CPU profile. A *problem.Problem says that the server has none to give.
func (b *bench) profile(ctx context.Context) (*profile.Profile, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", b.s.URL, profileSeconds), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+harness.AdminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, resp.Body) // only the status counts
		return nil, problem.New(resp.StatusCode, "no_profile", "%s", resp.Status)
	}
	return profile.Parse(resp.Body)
}

// packages name the stages; what lies below no package of weir is told by the runtime and the standard library.
var packages = []struct{ prefix, name string }{
	{"weir/internal/enrich.", "enrichment"},
	{"weir/internal/event.", "event batches and codec"},
	{"weir/internal/dedupe.", "deduplication"},
	{"weir/internal/eventlog/", "event log"},
	{"github.com/cockroachdb/pebble", "event log"},
	{"weir/internal/ingest.", "door: decode and validate"},
	{"weir/internal/stream.", "processor"},
	{"weir/internal/clickhouse", "insert client"},
	{"weir/internal/query.", "query"},
	{"weir/internal/httpapi.", "HTTP"},
	{"net/http.", "HTTP"},
	{"runtime.gcBgMarkWorker", "garbage collection"},
	{"runtime.bgsweep", "garbage collection"},
	{"runtime.bgscavenge", "garbage collection"},
}

// divide sums the samples' CPU by stage.
func divide(p *profile.Profile) (map[string]float64, float64) {
	value := len(p.SampleType) - 1 // cpu nanoseconds stand last
	sums, total := map[string]float64{}, 0.0
	for _, s := range p.Sample {
		v := float64(s.Value[value])
		total += v
		sums[stageOf(s)] += v
	}
	return sums, total
}

// stageOf finds the innermost frame that belongs to a stage.
func stageOf(s *profile.Sample) string {
	for _, l := range s.Location { // the leaf first
		for _, line := range l.Line {
			if line.Function == nil {
				continue
			}
			for _, p := range packages {
				if strings.HasPrefix(line.Function.Name, p.prefix) {
					return p.name
				}
			}
		}
	}
	return "runtime: scheduler and system calls"
}
