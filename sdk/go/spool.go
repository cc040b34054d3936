package weir

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The spool is a directory with
//
//	lock                        locked while a client has the spool
//	00000000000000000001.spool  segments, oldest first; a line for each event: checksum, time, JSON
//	cursor                      up to where the events are settled: checksum, segment, offset
//
// A line is written by one write before Track returns, so that it survives the end of the process. A cut-off line at the end of a segment was
// never accepted and does not count. The cursor is replaced after each settled batch; one that is lost or old only means that events are sent
// again, which the server counts once. After each start a new segment begins: nothing is ever written behind a torn tail.

const segmentSuffix = ".spool"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// cursor is a place in the spool: an offset in a segment, and how many lines of the segment are before it.
type cursor struct {
	segment uint64
	offset  int64
	line    uint64
}

type segment struct {
	id    uint64
	size  int64 // up to the last whole write
	lines uint64
}

// spool is the queue on disk.
type spool struct {
	dir          string
	max          int64 // of all segments, in bytes
	segmentBytes int64
	report       func(error)
	lock         *os.File

	syncing sync.Mutex   // held while files are synced; before mu
	synced  uint64       // the number of the last event that is on the disk, but for those of unsure
	unsure  []eventRange // events that a sync failed for: the next one may succeed without them

	reader   *os.File // of the segment readerID; used by next and settle only
	readerID uint64

	mu       sync.Mutex
	segments []segment
	active   *os.File   // the last segment; nil: the next push begins one
	full     []*os.File // segments that are no longer written but not yet synced
	nextID   uint64
	size     int64
	head     cursor
	settled  uint64
	pushed   uint64
}

// eventRange are the numbers of events: above from, up to to.
type eventRange struct{ from, to uint64 }

// maxUnsure bounds the failures of the disk that are remembered, for those who still wait for their sync.
const maxUnsure = 1024

// openSpool opens a directory and counts what waits there. Faults that lose single events are told to report.
func openSpool(dir string, max int64, report func(error)) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("weir: spool: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	s := &spool{dir: dir, max: max, segmentBytes: min(max/4, 4<<20), report: report, lock: lock}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("weir: spool: %w", err), lock.Close())
	}
	return s, nil
}

// load finds the segments, and where the events begin that are not settled.
func (s *spool) load() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	s.head = s.readCursor()
	s.nextID = s.head.segment + 1
	for _, e := range entries {
		id, err := strconv.ParseUint(strings.TrimSuffix(e.Name(), segmentSuffix), 10, 63)
		if err != nil || e.Name() != segmentName(id) || !e.Type().IsRegular() {
			continue
		}
		seg, before, err := s.scan(id)
		if err != nil {
			return err
		}
		if id == s.head.segment {
			s.head.offset, s.head.line = min(s.head.offset, seg.size), before
		}
		s.segments = append(s.segments, seg)
		s.size += seg.size
		s.nextID = max(s.nextID, id+1)
	}
	slices.SortFunc(s.segments, func(a, b segment) int { return int(int64(a.id) - int64(b.id)) })
	s.pruneLocked()
	for _, seg := range s.segments {
		s.pushed += seg.lines
	}
	if len(s.segments) > 0 && s.segments[0].id == s.head.segment {
		s.pushed -= s.head.line
	}
	s.synced = s.pushed
	return nil
}

// scan counts the lines of a segment: all, and those before the head.
func (s *spool) scan(id uint64) (seg segment, before uint64, err error) {
	f, err := os.Open(s.path(id))
	if err != nil {
		return seg, 0, err
	}
	defer f.Close()
	seg.id = id
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		part := buf[:n]
		seg.lines += uint64(bytes.Count(part, []byte("\n")))
		if id == s.head.segment && s.head.offset > seg.size {
			before += uint64(bytes.Count(part[:min(int64(n), s.head.offset-seg.size)], []byte("\n")))
		}
		seg.size += int64(n)
		if err == io.EOF {
			return seg, before, nil
		} else if err != nil {
			return seg, 0, err
		}
	}
}

func segmentName(id uint64) string { return fmt.Sprintf("%020d%s", id, segmentSuffix) }

func (s *spool) path(id uint64) string { return filepath.Join(s.dir, segmentName(id)) }

// record is the line of an event as it is written.
func record(it item) []byte {
	b := make([]byte, 0, len(it.line)+32)
	b = append(b, "00000000 "...)
	b = strconv.AppendInt(b, it.at, 10)
	b = append(append(b, ' '), it.line...)
	copy(b, fmt.Sprintf("%08x", crc32.Checksum(b[9:], castagnoli)))
	return append(b, '\n')
}

// parse reads a line without its newline; false: it is not as it was written.
func parse(line []byte) (item, bool) {
	if len(line) < 9 || line[8] != ' ' {
		return item{}, false
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	if err != nil || uint32(sum) != crc32.Checksum(line[9:], castagnoli) {
		return item{}, false
	}
	at, text, ok := bytes.Cut(line[9:], []byte(" "))
	ms, err := strconv.ParseInt(string(at), 10, 64)
	return item{at: ms, line: text}, ok && err == nil
}

func (s *spool) push(it item) (uint64, error) {
	rec := record(it)
	size := int64(len(rec))
	s.mu.Lock()
	defer s.mu.Unlock()
	if size > s.max/2 {
		return 0, ErrTooLarge
	}
	if s.size+size > s.max {
		return 0, ErrQueueFull
	}
	if s.active != nil && s.segments[len(s.segments)-1].size+size > s.segmentBytes {
		s.rotateLocked()
	}
	if s.active == nil {
		if err := s.beginLocked(); err != nil {
			return 0, fmt.Errorf("weir: spool: %w", err)
		}
	}
	seg := &s.segments[len(s.segments)-1]
	if n, err := s.active.Write(rec); err != nil {
		if n > 0 && s.active.Truncate(seg.size) != nil { // a torn line at the end, which readers leave out
			seg.size += int64(n)
			s.size += int64(n)
			s.rotateLocked()
		}
		return 0, fmt.Errorf("weir: spool: %w", err)
	}
	seg.size += size
	seg.lines++
	s.size += size
	s.pushed++
	return s.pushed, nil
}

// rotateLocked ends the active segment. It is synced and closed by the next sync.
func (s *spool) rotateLocked() {
	s.full = append(s.full, s.active)
	s.active = nil
}

// beginLocked makes a new active segment.
func (s *spool) beginLocked() error {
	f, err := os.OpenFile(s.path(s.nextID), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := s.syncDir(); err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	s.active = f
	s.segments = append(s.segments, segment{id: s.nextID})
	s.nextID++
	return nil
}

// syncDir makes new names durable. Windows does that by itself.
func (s *spool) syncDir() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sync returns when the events up to n are on the disk. Of those that wait for the same moment one syncs for all.
func (s *spool) sync(n uint64) error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	for _, lost := range s.unsure {
		if lost.from < n && n <= lost.to {
			return errors.New("weir: spool: sync: the disk refused it: the event is kept, but may be lost with the machine's power")
		}
	}
	if s.synced >= n {
		return nil
	}
	s.mu.Lock()
	upTo, active, full := s.pushed, s.active, s.full
	s.full = nil
	s.mu.Unlock()
	var err error
	for _, f := range full {
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if active != nil {
		if serr := active.Sync(); serr != nil {
			err = errors.Join(err, serr)
			s.mu.Lock()
			if s.active == active { // what a failed sync left behind is not known: write no more there
				s.rotateLocked()
			}
			s.mu.Unlock()
		}
	}
	if err != nil {
		if s.unsure = append(s.unsure, eventRange{s.synced, upTo}); len(s.unsure) > maxUnsure {
			s.unsure = s.unsure[1:]
		}
		s.synced = upTo // what fails once is not asked for again: a second sync of the same pages may succeed without having written them
		return fmt.Errorf("weir: spool: sync: %w", err)
	}
	s.synced = upTo
	return nil
}

func (s *spool) next(n, maxBytes int) (batch, error) {
	s.mu.Lock()
	b := batch{done: s.settled, next: s.head}
	segments := slices.Clone(s.segments)
	s.mu.Unlock()
	from := b.done
	for _, seg := range segments {
		if seg.id < b.next.segment {
			continue
		}
		if seg.id > b.next.segment {
			b.next = cursor{segment: seg.id}
		}
		more, err := s.read(&b, seg, n, &maxBytes)
		if err != nil && len(b.items) == 0 {
			return batch{}, fmt.Errorf("weir: spool: %w", err)
		}
		if err != nil || !more {
			break
		}
	}
	if b.done == from {
		return batch{}, nil
	}
	return b, nil
}

// read adds the events of a segment to a batch, from its cursor on. more says that there is room for those of the next segment.
func (s *spool) read(b *batch, seg segment, n int, maxBytes *int) (more bool, err error) {
	end := func() (bool, error) { // whatever the lines said, the segment has no more
		b.done += seg.lines - min(b.next.line, seg.lines)
		b.next.offset, b.next.line = seg.size, seg.lines
		return true, nil
	}
	f, err := s.open(seg.id)
	if errors.Is(err, fs.ErrNotExist) {
		s.report(fmt.Errorf("weir: spool: the file %s with %d events is gone", segmentName(seg.id), seg.lines-min(b.next.line, seg.lines)))
		return end()
	} else if err != nil {
		return false, err
	}
	lines := bufio.NewReaderSize(io.NewSectionReader(f, b.next.offset, seg.size-b.next.offset), 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return end()
		} else if err != nil {
			return false, err
		}
		it, ok := parse(line[:len(line)-1])
		switch {
		case !ok:
			s.report(fmt.Errorf("weir: spool: line %d of %s is not as it was written: its event is lost", b.next.line+1, segmentName(seg.id)))
		case len(b.items) == n || len(b.items) > 0 && len(it.line) > *maxBytes:
			return false, nil
		default:
			b.items = append(b.items, it)
			*maxBytes -= len(it.line) + 1
		}
		b.next.offset += int64(len(line))
		b.next.line++
		b.done++
	}
}

// open gives a segment for reading, and keeps it open for the next time.
func (s *spool) open(id uint64) (*os.File, error) {
	if s.reader != nil && s.readerID == id {
		return s.reader, nil
	}
	s.closeReader()
	f, err := os.Open(s.path(id))
	if err != nil {
		return nil, err
	}
	s.reader, s.readerID = f, id
	return f, nil
}

func (s *spool) closeReader() {
	if s.reader != nil {
		_ = s.reader.Close() // it was only read
		s.reader = nil
	}
}

func (s *spool) settle(b batch) error {
	s.closeReader() // it may be removed
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head, s.settled = b.next, b.done
	err := s.writeCursor()
	s.pruneLocked()
	if err != nil {
		return fmt.Errorf("weir: spool: cursor: %w", err)
	}
	return nil
}

// pruneLocked removes the segments that are settled as a whole. One that cannot be removed counts no more and is met again by the next start.
func (s *spool) pruneLocked() {
	for len(s.segments) > 0 {
		seg := s.segments[0]
		isActive := s.active != nil && len(s.segments) == 1
		if seg.id > s.head.segment || isActive || seg.id == s.head.segment && s.head.offset < seg.size {
			return
		}
		if err := os.Remove(s.path(seg.id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.report(fmt.Errorf("weir: spool: %w", err))
		}
		s.size -= seg.size
		s.segments = s.segments[1:]
	}
}

// writeCursor replaces the cursor. It is not synced: an old one only means that events are sent again.
func (s *spool) writeCursor() error {
	text := fmt.Sprintf("%d %d", s.head.segment, s.head.offset)
	next := filepath.Join(s.dir, "cursor.next")
	if err := os.WriteFile(next, fmt.Appendf(nil, "%08x %s\n", crc32.Checksum([]byte(text), castagnoli), text), 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(s.dir, "cursor"))
}

// readCursor gives the zero cursor, before everything, if there is none that is as it was written.
func (s *spool) readCursor() cursor {
	text, err := os.ReadFile(filepath.Join(s.dir, "cursor"))
	if err != nil {
		return cursor{}
	}
	sum, rest, _ := strings.Cut(strings.TrimSuffix(string(text), "\n"), " ")
	want, err := strconv.ParseUint(sum, 16, 32)
	if err != nil || uint32(want) != crc32.Checksum([]byte(rest), castagnoli) {
		return cursor{}
	}
	id, off, _ := strings.Cut(rest, " ")
	segment, err1 := strconv.ParseUint(id, 10, 63)
	offset, err2 := strconv.ParseInt(off, 10, 64)
	if err1 != nil || err2 != nil || offset < 0 {
		return cursor{}
	}
	return cursor{segment: segment, offset: offset}
}

func (s *spool) count() (waiting, pushed uint64, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes = s.size
	if len(s.segments) > 0 && s.segments[0].id == s.head.segment {
		bytes -= s.head.offset
	}
	return s.pushed - s.settled, s.pushed, bytes
}

// close syncs and closes what is open, and gives the directory free. Nothing else may be called any more.
func (s *spool) close() error {
	_, pushed, _ := s.count()
	err := s.sync(pushed)
	s.closeReader()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.full {
		err = errors.Join(err, f.Close())
	}
	if s.active != nil {
		err = errors.Join(err, s.active.Close())
		s.active = nil
	}
	s.pruneLocked()
	return errors.Join(err, s.lock.Close())
}
