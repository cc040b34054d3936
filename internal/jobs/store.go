package jobs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/problem"
)

// idLength is the length of an id: 130 random bits in base 32.
const idLength = 26

func newID() string { return strings.ToLower(rand.Text()) }

// store keeps records and result files. Its methods may be called at once, but not for one job.
type store struct {
	db     *pebble.DB
	prefix string
	fs     vfs.FS
	dir    string
}

func (s *store) key(id string) []byte { return append([]byte(s.prefix), id...) }

const resultSuffix = ".result"

func (s *store) path(id string) string { return s.fs.PathJoin(s.dir, id+resultSuffix) }

// put writes the record, durably when sync is set.
func (s *store) put(j *Job, sync bool) error {
	b, err := encodeRecord(j)
	if err != nil {
		return err
	}
	o := pebble.NoSync
	if sync {
		o = pebble.Sync
	}
	if err := s.db.Set(s.key(j.ID), b, o); err != nil {
		return fmt.Errorf("write job %s: %w", j.ID, err)
	}
	return nil
}

// remove removes the record durably, and then the result.
func (s *store) remove(id string) error {
	if err := s.db.Delete(s.key(id), pebble.Sync); err != nil {
		return fmt.Errorf("remove job %s: %w", id, err)
	}
	return s.removeResult(id)
}

func (s *store) removeResult(id string) error {
	if err := s.fs.Remove(s.path(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the result of job %s: %w", id, err)
	}
	return nil
}

// create begins a result file.
func (s *store) create(id string) (vfs.File, error) {
	f, err := s.fs.Create(s.path(id), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("create the result of job %s: %w", id, err)
	}
	return f, nil
}

// seal makes a written file durable under its name.
func (s *store) seal(f vfs.File) error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync the result: %w", err)
	}
	return s.syncDir(s.dir)
}

func (s *store) syncDir(dir string) error {
	d, err := s.fs.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// load returns all records, and removes the result files that belong to no ended job: a crash has left them.
// A record that cannot be read is an error: nobody should guess what it asked for.
func (s *store) load() ([]*Job, error) {
	if err := s.fs.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of results: %w", err)
	}
	if err := s.syncDir(s.fs.PathDir(s.dir)); err != nil {
		return nil, err
	}
	list, err := s.records()
	if err != nil {
		return nil, err
	}
	keep := map[string]bool{}
	for _, j := range list {
		if j.State != Done || j.Result == nil {
			continue
		}
		if err := s.checkResult(j); err != nil {
			return nil, err
		}
		keep[j.ID] = j.State == Done
	}
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list results: %w", err)
	}
	for _, name := range names {
		if id, ok := strings.CutSuffix(name, resultSuffix); ok && !keep[id] {
			if err := s.fs.Remove(s.fs.PathJoin(s.dir, name)); err != nil {
				return nil, fmt.Errorf("remove a result that a crash left: %w", err)
			}
		}
	}
	return list, nil
}

func (s *store) records() (list []*Job, err error) {
	upper := []byte(s.prefix)
	upper[len(upper)-1]++
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte(s.prefix), UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("read jobs: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return nil, fmt.Errorf("read jobs: %w", err)
		}
		j, err := decodeRecord(v)
		if err != nil {
			return nil, fmt.Errorf("key %q of the state store: %w", it.Key(), err)
		}
		list = append(list, j)
	}
	return list, it.Error()
}

// checkResult makes a job failed whose result is not there as it was written: somebody has touched the directory.
func (s *store) checkResult(j *Job) error {
	info, err := s.fs.Stat(s.path(j.ID))
	if err == nil && info.Size() == j.Result.Bytes {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look at the result of job %s: %w", j.ID, err)
	}
	j.State, j.Result = Failed, nil
	j.Error = problem.New(500, "result_lost", "the file of the job's result is missing or not as it was written: run it again")
	return s.put(j, true)
}

// content is an open result.
type content struct {
	*io.SectionReader
	file vfs.File
}

func (c content) Close() error { return c.file.Close() }

func (s *store) open(j Job) (io.ReadSeekCloser, error) {
	f, err := s.fs.Open(s.path(j.ID), vfs.RandomReadsOption)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotFound // it has been removed just now
	}
	if err != nil {
		return nil, fmt.Errorf("open the result of job %s: %w", j.ID, err)
	}
	return content{io.NewSectionReader(f, 0, j.Result.Bytes), f}, nil
}
