package disklog

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// openAndLoad opens the store, checks that it is ours, and takes over the
// state of the partitions.
func (l *Log) openAndLoad(readOnly bool) (*store, error) {
	s, err := openStore(l.cfg, l.lock, readOnly, l.failed)
	if err != nil {
		return nil, err
	}
	if err := l.load(s); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (l *Log) load(s *store) error {
	if err := s.checkFormat(len(l.parts)); err != nil {
		return err
	}
	for _, p := range l.parts {
		st, next, bytes, last, err := s.load(p.id)
		if err != nil {
			return err
		}
		if err := p.adopt(st, next, bytes, last); err != nil {
			return err
		}
	}
	return nil
}

// adopt sets the partition to what the store holds. After a failure that may be
// more than was acknowledged, and never less.
func (p *partition) adopt(st start, next, bytes uint64, last int64) error {
	p.appendMu.Lock()
	defer p.appendMu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if next < p.durable {
		return fmt.Errorf("partition %d: the disk lost acknowledged records: it holds offsets below %d, acknowledged were those below %d",
			p.id, next, p.durable)
	}
	p.assigned, p.end, p.time = next, bytes, max(last, p.time)
	p.durable, p.bytes, p.stored = next, bytes, st.first
	if st.first >= p.start.first {
		p.start = st
	}
	p.cond.Broadcast()
	return nil
}

// checkFormat checks the number of partitions, or stores it in a new directory.
func (s *store) checkFormat(partitions int) error {
	raw, closer, err := s.db.Get(formatKey())
	if errors.Is(err, pebble.ErrNotFound) && !s.readOnly {
		b := s.db.NewBatch()
		if err := b.Set(formatKey(), encodeFormat(partitions), nil); err != nil {
			return err
		}
		return s.set(b)
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	have, err := decodeFormat(raw)
	switch {
	case err != nil:
		return fmt.Errorf("read the number of partitions: %w", err)
	case have != partitions:
		return fmt.Errorf("the event log has %d partitions, configured are %d: the number is fixed when the directory is made, configure %d", have, partitions, have)
	}
	return nil
}

// failed is called by a store's fence, under whatever locks Pebble holds.
func (l *Log) failed(s *store, err error) {
	go func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.store == s {
			l.failedLocked(s, err)
		}
	}()
}

// failedLocked refuses appends and starts the replacement of the store.
func (l *Log) failedLocked(s *store, err error) {
	if l.closed || l.cause != nil {
		return
	}
	l.cause = err
	l.log.Error("event log cannot write; appends are refused until the disk works again", "err", err)
	l.metrics.failures.Inc()
	l.reopener.Add(1)
	go func() {
		defer l.reopener.Done()
		l.reopen(s)
	}()
}

// reopen replaces the failed store. It tries until it succeeds or the log is closed.
func (l *Log) reopen(failed *store) {
	for _, p := range l.parts {
		p.mu.Lock()
		p.cond.Broadcast() // appends that wait for a lower offset give up
		p.mu.Unlock()
	}
	began, pause := time.Now(), l.cfg.RetryMin
	need := 2*uint64(failed.backlog.inMemory()) + 8<<20
	for try := 1; ; try++ {
		if !l.sleep(pause) {
			return
		}
		pause = min(2*pause, l.cfg.RetryMax)
		err := l.probe(need)
		if err == nil {
			err = l.replace()
		}
		if err == nil {
			l.log.Info("event log writes again", "after", time.Since(began).Round(time.Millisecond), "tries", try)
			return
		}
		l.log.Warn("event log cannot be reopened yet", "err", err, "try", try, "next_in", pause)
	}
}

func (l *Log) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.stop:
		return false
	}
}

// probe says whether the disk takes synced writes and has need bytes free.
func (l *Log) probe(need uint64) (err error) {
	fs := l.cfg.FS
	if _, free, ok := diskUse(fs, l.cfg.Dir); ok && free < need {
		return fmt.Errorf("%d bytes are free, reopening needs %d", free, need)
	}
	name := fs.PathJoin(l.cfg.Dir, "probe")
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 64<<10))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), fs.Remove(name))
}

// replace closes the store in use, if any, and opens the directory again.
// Meanwhile nothing can be read. If it cannot be opened for writing, it is
// opened for reading and the error returned.
func (l *Log) replace() error {
	l.mu.Lock()
	old := l.store
	l.store = nil
	l.mu.Unlock()
	if old != nil {
		old.ops.Wait()
		if err := old.close(); err != nil {
			l.log.Warn("failed store did not close cleanly", "err", err)
		}
	}
	s, err := l.openAndLoad(false)
	if err != nil {
		if ro, roErr := l.openAndLoad(true); roErr == nil {
			l.mu.Lock()
			l.store = ro
			l.mu.Unlock()
		}
		return err
	}
	l.mu.Lock()
	if err := s.fence.failed(); err != nil {
		l.mu.Unlock()
		return errors.Join(err, s.close())
	}
	l.store, l.cause = s, nil
	l.mu.Unlock()
	l.guard.again()
	l.advance.wake()
	return nil
}
