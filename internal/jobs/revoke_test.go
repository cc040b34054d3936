package jobs

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/tenant"
)

// Jobs of somebody who may not have work done any more end, running or waiting; others' go on, and nothing new is started.
func TestRevoke(t *testing.T) {
	held, began, release := held("held", true)
	sys := held
	sys.Name, sys.System = "sys", true
	var revoked atomic.Bool
	b := open(t, vfs.NewMem(), func(c *Config) {
		c.TenantRunning = 2
		c.May = func(who tenant.Principal) bool { return !revoked.Load() || who.KeyID != ann.KeyID }
	}, held, sys, echo).run()
	running := b.start(ann, "held", nil).ID
	<-began
	others := b.start(bob, "held", nil).ID
	<-began
	waiting := b.start(ann, "held", nil).ID
	system := b.start(ann, "sys", nil).ID
	<-began
	b.jobs.revoke()
	if j, err := b.jobs.Get(ann, running); err != nil || j.State != Running {
		t.Fatalf("before: %+v, %v", j, err)
	}
	revoked.Store(true)
	b.jobs.revoke()
	for _, id := range []string{running, waiting} {
		if j := b.await(id, Failed); j.Error == nil || j.Error.Code != "access_revoked" || j.Error.Status != 403 || j.Input != nil {
			t.Errorf("%+v, %v", j, j.Error)
		}
	}
	for _, id := range []string{others, system} {
		if j, err := b.jobs.Get(operator, id); err != nil || j.State != Running {
			t.Errorf("another's job is %+v, %v", j, err)
		}
	}
	if _, prob := b.jobs.Start(ann, "echo", "", "x"); prob == nil || prob.Code != "access_revoked" {
		t.Errorf("a new job: %v", prob)
	}
	close(release)
	b.await(others, Done)
	b.await(system, Done)
	b.jobs.running.Wait()
	if len(b.jobs.live) != 0 {
		t.Errorf("counted as living: %v", b.jobs.live)
	}
}

// Run looks by itself, at the start and then every few seconds.
func TestRevokedWhileAway(t *testing.T) {
	fs := vfs.NewMem()
	k, began, _ := held("held", true)
	b := open(t, fs, nil, k).run()
	id := b.start(ann, "held", nil).ID
	<-began
	b.stop()
	k, began, _ = held("held", true)
	var revoked atomic.Bool
	revoked.Store(true)
	b = open(t, fs, func(c *Config) { c.May = func(tenant.Principal) bool { return !revoked.Load() } }, k).run()
	if j := b.await(id, Failed); j.Error.Code != "access_revoked" {
		t.Errorf("%+v", j.Error)
	}
	if len(began) != 0 {
		t.Error("it was begun")
	}
	revoked.Store(false)
	id = b.start(ann, "held", nil).ID
	<-began
	revoked.Store(true)
	if j := b.await(id, Failed); j.Error.Code != "access_revoked" {
		t.Errorf("%+v", j.Error)
	}
}

// A tenant that is removed while a job is being started has no job afterwards.
func TestRevokedWhileStarted(t *testing.T) {
	var asked atomic.Int64
	b := open(t, vfs.NewMem(), func(c *Config) { c.May = func(tenant.Principal) bool { return asked.Add(1) == 1 } }, echo)
	if _, prob := b.jobs.Start(ann, "echo", "", "x"); prob == nil || prob.Code != "access_revoked" {
		t.Errorf("%v", prob)
	}
	if l := b.jobs.List(operator, 10); len(l) != 0 || len(b.jobs.live) != 0 {
		t.Errorf("left: %v %v", l, b.jobs.live)
	}
	list, err := b.jobs.store.records()
	if err != nil || len(list) != 0 {
		t.Errorf("on disk: %v, %v", list, err)
	}
	if err := b.db.Close(); err != nil {
		t.Error(err)
	}
}

// A job in whose course the process crashes again and again is not begun for ever; stops that were asked for do not count, and the
// installation's own work is never given up.
func TestCrashingJob(t *testing.T) {
	fs := vfs.NewCrashableMem()
	k, began, _ := held("held", true)
	sys, sysBegan, _ := held("sys", true)
	sys.System = true
	b := open(t, fs, nil, k, sys).run()
	id, own := b.start(ann, "held", nil).ID, b.start(operator, "sys", nil).ID
	for range 5 { // ends that were asked for
		<-began
		<-sysBegan
		b.stop()
		b = open(t, fs, nil, k, sys).run()
	}
	for n := 1; ; n++ {
		<-sysBegan
		if n <= maxBegun {
			<-began
		}
		if n > maxBegun+2 {
			break
		}
		crash := fs.CrashClone(vfs.CrashCloneCfg{})
		b.stop()
		for len(began) > 0 {
			<-began
		}
		fs = crash
		b = open(t, fs, nil, k, sys).run()
	}
	if j := b.await(id, Failed); j.Error == nil || j.Error.Code != "crashed" {
		t.Errorf("%+v", j.Error)
	}
	if j, err := b.jobs.Get(operator, own); err != nil || j.State != Running {
		t.Errorf("%+v, %v", j, err)
	}
}

// Jobs that are queued and cancelled, again and again, leave no more behind than those that ran.
func TestCancelledAreBounded(t *testing.T) {
	b := open(t, vfs.NewMem(), func(c *Config) { c.TenantKept = 3 }, echo) // nothing runs
	for range 20 {
		if _, _, err := b.jobs.Cancel(ann, b.start(ann, "echo", "x").ID); err != nil {
			t.Fatal(err)
		}
	}
	list, err := b.jobs.store.records()
	if n := len(b.jobs.List(operator, 100)); n != 3 || err != nil || len(list) != 3 {
		t.Errorf("%d jobs in memory, %d on disk, %v", n, len(list), err)
	}
	if err := b.db.Close(); err != nil {
		t.Error(err)
	}
}

// Results end before the disk is full: that space is for events.
func TestFullDisk(t *testing.T) {
	var full atomic.Bool
	writer := Kind{Name: "writer", Run: func(_ context.Context, r *Run) error {
		w, err := r.Result("text/plain")
		if err == nil {
			_, err = io.WriteString(w, "first")
		}
		full.Store(true)
		if err == nil {
			_, err = io.WriteString(w, "second")
		}
		return err
	}}
	sys := writer
	sys.Name, sys.System = "sys", true
	b := open(t, vfs.NewMem(), func(c *Config) { c.Full = full.Load }, writer, sys, echo).run()
	if j := b.await(b.start(ann, "writer", nil).ID, Failed); j.Error.Code != "disk_full" || j.Error.RetryAfter == 0 || len(files(t, b.fs)) != 0 {
		t.Errorf("%+v, files %v", j.Error, files(t, b.fs))
	}
	if _, prob := b.jobs.Start(ann, "echo", "", "x"); prob == nil || prob.Code != "disk_full" || prob.Status != 503 {
		t.Errorf("a new job: %v", prob)
	}
	b.await(b.start(operator, "sys", nil).ID, Done) // its report is small, and it frees space
	full.Store(false)
	b.await(b.start(ann, "echo", "x").ID, Done)
}

func TestLargeInput(t *testing.T) {
	b := open(t, vfs.NewMem(), nil, echo).run()
	if _, prob := b.jobs.Start(ann, "echo", strings.Repeat("é", 300), strings.Repeat("x", maxInput)); prob == nil || prob.Status != 413 || prob.Code != "job_too_large" {
		t.Errorf("%v", prob)
	}
	j, prob := b.jobs.Start(ann, "echo", strings.Repeat("é", 300)+"x", strings.Repeat("x", maxInput-10))
	if prob != nil {
		t.Fatal(prob)
	}
	if len(j.Title) > 500 || strings.ContainsRune(j.Title, '\ufffd') {
		t.Errorf("title %q", j.Title)
	}
	b.await(j.ID, Done)
}
