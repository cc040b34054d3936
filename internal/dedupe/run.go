package dedupe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A run file holds the keys of one bucket, each once, in order, and never
// changes: pages, filter, fences (the first a of each page, 8 bytes), slices (16
// bytes each), footer.
const (
	footerSize  = 80
	footerMagic = "weirdup1"
	sliceSize   = 16
)

// slice counts keys of a tenant in a run that were received at about the same time.
type slice struct {
	tenant uint32
	minSec uint32 // the earliest received time among them
	maxSec uint32 // the latest
	count  uint32
}

// run is an open run file with its index in memory.
type run struct {
	meta   runMeta
	path   string
	file   vfs.File
	filter filter
	fences []uint64
	slices []slice
	refs   atomic.Int32 // 1 for the Set and 1 for each view in use
}

func (r *run) acquire()     { r.refs.Add(1) }
func (r *run) release()     { r.refs.Add(-1) }
func (r *run) name() string { return runName(r.meta.file) }

func (r *run) corrupt(place, detail string) error {
	return &CorruptError{What: "file " + r.path + ", " + place, Detail: detail}
}

// bytes is the memory that the run holds.
func (r *run) bytes() int64 {
	return int64(len(r.filter)) + int64(len(r.fences))*8 + int64(len(r.slices))*sliceSize
}

func runName(file uint64) string { return fmt.Sprintf("%016x.run", file) }

// footer is the end of a run file: where its parts are, and their checksums.
type footer struct {
	meta   runMeta // without size and sum
	pages  uint32
	blocks uint32
	slices uint32
	sums   [3]uint32 // of filter, fences, slices
}

func (f *footer) encode() []byte {
	p := make([]byte, 0, footerSize)
	p = append(p, footerMagic...)
	p = binary.LittleEndian.AppendUint64(p, f.meta.file)
	p = binary.LittleEndian.AppendUint64(p, f.meta.count)
	for _, v := range [...]uint32{
		uint32(f.meta.day), f.meta.minSec, f.meta.maxSec, f.pages, f.blocks, f.slices, f.sums[0], f.sums[1], f.sums[2],
	} {
		p = binary.LittleEndian.AppendUint32(p, v)
	}
	p = append(p, make([]byte, footerSize-4-len(p))...)
	return binary.LittleEndian.AppendUint32(p, crc32.Checksum(p, castagnoli))
}

func decodeFooter(p []byte) (f footer, sum uint32, err error) {
	if len(p) != footerSize || string(p[:8]) != footerMagic {
		return f, 0, errors.New("it is not a run file of this version")
	}
	sum = binary.LittleEndian.Uint32(p[footerSize-4:])
	if sum != crc32.Checksum(p[:footerSize-4], castagnoli) {
		return f, 0, errors.New("the footer's checksum does not match")
	}
	f.meta.file = binary.LittleEndian.Uint64(p[8:])
	f.meta.count = binary.LittleEndian.Uint64(p[16:])
	var day uint32
	for i, v := range []*uint32{&day, &f.meta.minSec, &f.meta.maxSec, &f.pages, &f.blocks, &f.slices, &f.sums[0], &f.sums[1], &f.sums[2]} {
		*v = binary.LittleEndian.Uint32(p[24+4*i:])
	}
	f.meta.day = uint16(day)
	if day > 1<<16-1 || f.pages == 0 || f.blocks == 0 || f.meta.count == 0 || f.meta.count > uint64(f.pages)*pageRecs {
		return f, 0, errors.New("the footer contradicts itself")
	}
	return f, sum, nil
}

func (f *footer) size() int64 {
	return int64(f.pages)*pageSize + int64(f.blocks)*filterBlock + int64(f.pages)*8 + int64(f.slices)*sliceSize + footerSize
}

// openRun opens a run file and reads its index. Pages are checked when they are read.
func openRun(fs vfs.FS, dir string, meta runMeta) (_ *run, err error) {
	r := &run{meta: meta, path: fs.PathJoin(dir, runName(meta.file))}
	r.refs.Store(1)
	r.file, err = fs.Open(r.path, vfs.RandomReadsOption)
	if err != nil {
		return nil, fmt.Errorf("open run file: %w", err)
	}
	if err := r.loadIndex(); err != nil {
		return nil, errors.Join(err, r.file.Close())
	}
	return r, nil
}

func (r *run) loadIndex() error {
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("open run file: %w", err)
	}
	if info.Size() != r.meta.size || info.Size() < footerSize {
		return r.corrupt("its end", fmt.Sprintf("it has %d bytes, not %d", info.Size(), r.meta.size))
	}
	end := make([]byte, footerSize)
	if _, err := r.file.ReadAt(end, info.Size()-footerSize); err != nil {
		return fmt.Errorf("read %s: %w", r.path, err)
	}
	f, sum, err := decodeFooter(end)
	if err != nil {
		return r.corrupt("its end", err.Error())
	}
	f.meta.size, f.meta.sum = info.Size(), sum
	if f.meta != r.meta || f.size() != info.Size() {
		return r.corrupt("its end", "it is another file than the one that was written")
	}
	r.filter = make(filter, int64(f.blocks)*filterBlock)
	tail := make([]byte, int64(f.pages)*8+int64(f.slices)*sliceSize)
	at := int64(f.pages) * pageSize
	if _, err := r.file.ReadAt(r.filter, at); err != nil {
		return fmt.Errorf("read %s: %w", r.path, err)
	}
	if _, err := r.file.ReadAt(tail, at+int64(len(r.filter))); err != nil {
		return fmt.Errorf("read %s: %w", r.path, err)
	}
	fences, cut := tail[:f.pages*8], tail[f.pages*8:]
	for i, part := range [][]byte{r.filter, fences, cut} {
		if crc32.Checksum(part, castagnoli) != f.sums[i] {
			return r.corrupt("its index", "the checksum does not match")
		}
	}
	r.fences = make([]uint64, f.pages)
	for i := range r.fences {
		r.fences[i] = binary.LittleEndian.Uint64(fences[8*i:])
	}
	r.slices = make([]slice, f.slices)
	for i := range r.slices {
		p := cut[sliceSize*i:]
		r.slices[i] = slice{
			binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:]),
			binary.LittleEndian.Uint32(p[8:]), binary.LittleEndian.Uint32(p[12:]),
		}
	}
	return nil
}

// verify reads and checks every page.
func (r *run) verify() error {
	d := reader{r: r}
	last := uint32(len(r.fences) - 1)
	for page := uint32(0); page <= last; page++ {
		if _, err := d.page(page, last); err != nil {
			return err
		}
	}
	return nil
}

// runWriter writes a run file from keys in order.
type runWriter struct {
	file   vfs.File
	fs     vfs.FS
	path   string
	buf    []byte // pages not yet written
	inPage int
	footer footer
	filter filter
	fences []uint64
	counts map[uint64]*slice // by tenant and hour
	lastID uint64            // the key of last in counts
	last   *slice
}

const (
	writeBuffer = 64 * pageSize
	// smallTenant is the number of keys below which a tenant has one slice in a run, not one per hour.
	smallTenant = 4096
)

// createRun starts a run file for about expect keys.
func createRun(fs vfs.FS, dir string, file uint64, day uint16, expect int64) (*runWriter, error) {
	w := &runWriter{
		fs:     fs,
		path:   fs.PathJoin(dir, runName(file)),
		buf:    make([]byte, 0, writeBuffer),
		filter: newFilter(expect),
		fences: make([]uint64, 0, expect/pageRecs+1),
		counts: map[uint64]*slice{},
	}
	w.footer.meta = runMeta{file: file, day: day, minSec: ^uint32(0)}
	f, err := fs.Create(w.path, "dedupe")
	if err != nil {
		return nil, fmt.Errorf("create run file: %w", err)
	}
	w.file = vfs.NewSyncingFile(f, vfs.SyncingFileOptions{BytesPerSync: 1 << 20})
	return w, nil
}

func (w *runWriter) add(r *rec) error {
	if w.inPage == 0 {
		w.fences = append(w.fences, r.a)
		w.buf = w.buf[:len(w.buf)+pageSize]
	}
	putRec(w.buf[len(w.buf)-pageSize+w.inPage*recSize:], r)
	w.inPage++
	w.filter.add(r.a, r.b)
	m := &w.footer.meta
	m.count++
	m.minSec, m.maxSec = min(m.minSec, r.sec), max(m.maxSec, r.sec)
	id := uint64(r.tenant())<<32 | uint64(r.sec/3600)
	if w.last == nil || id != w.lastID {
		s := w.counts[id]
		if s == nil {
			s = &slice{tenant: r.tenant(), minSec: r.sec}
			w.counts[id] = s
		}
		w.last, w.lastID = s, id
	}
	w.last.count++
	w.last.minSec, w.last.maxSec = min(w.last.minSec, r.sec), max(w.last.maxSec, r.sec)
	if w.inPage == pageRecs {
		return w.endPage()
	}
	return nil
}

func (w *runWriter) endPage() error {
	sealPage(w.buf[len(w.buf)-pageSize:], w.inPage, uint32(len(w.fences)-1), w.footer.meta.file)
	w.inPage = 0
	if len(w.buf) == cap(w.buf) {
		return w.flush()
	}
	return nil
}

func (w *runWriter) flush() error {
	_, err := w.file.Write(w.buf)
	w.buf = w.buf[:0]
	if err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// finish makes the file durable, except for its name: the caller syncs the
// directory. Without any key there is no file and no run.
func (w *runWriter) finish() (*run, error) {
	if w.footer.meta.count == 0 {
		return nil, w.abort()
	}
	if w.inPage > 0 {
		if err := w.endPage(); err != nil {
			return nil, err
		}
	}
	if err := w.flush(); err != nil {
		return nil, err
	}
	f := &w.footer
	cut := w.slices()
	f.pages, f.blocks, f.slices = uint32(len(w.fences)), uint32(len(w.filter)/filterBlock), uint32(len(cut))
	fences := make([]byte, 0, 8*len(w.fences))
	for _, v := range w.fences {
		fences = binary.LittleEndian.AppendUint64(fences, v)
	}
	counts := make([]byte, 0, sliceSize*len(cut))
	for _, s := range cut {
		for _, v := range [...]uint32{s.tenant, s.minSec, s.maxSec, s.count} {
			counts = binary.LittleEndian.AppendUint32(counts, v)
		}
	}
	for i, part := range [][]byte{w.filter, fences, counts} {
		f.sums[i] = crc32.Checksum(part, castagnoli)
		for len(part) > 0 {
			w.buf = append(w.buf[:0], part[:min(len(part), writeBuffer)]...) // a vfs.File may modify what it writes
			part = part[len(w.buf):]
			if err := w.flush(); err != nil {
				return nil, err
			}
		}
	}
	end := f.encode()
	f.meta.size, f.meta.sum = f.size(), binary.LittleEndian.Uint32(end[footerSize-4:])
	if _, err := w.file.Write(end); err != nil {
		return nil, fmt.Errorf("write %s: %w", w.path, err)
	}
	if err := w.file.Sync(); err != nil {
		return nil, fmt.Errorf("sync %s: %w", w.path, err)
	}
	err := w.file.Close()
	w.file = nil
	if err != nil {
		return nil, fmt.Errorf("close %s: %w", w.path, err)
	}
	r := &run{meta: f.meta, path: w.path, filter: w.filter, fences: w.fences, slices: cut}
	r.refs.Store(1)
	if r.file, err = w.fs.Open(w.path, vfs.RandomReadsOption); err != nil {
		return nil, fmt.Errorf("open run file: %w", err)
	}
	return r, nil
}

// slices returns the counts, those of small tenants as one slice each.
func (w *runWriter) slices() []slice {
	all := make([]slice, 0, len(w.counts))
	for _, s := range w.counts {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(x, y slice) int {
		if x.tenant != y.tenant {
			return int(int64(x.tenant) - int64(y.tenant))
		}
		return int(int64(x.maxSec) - int64(y.maxSec))
	})
	out := all[:0]
	for i := 0; i < len(all); {
		j, sum := i, slice{tenant: all[i].tenant, minSec: all[i].minSec}
		for ; j < len(all) && all[j].tenant == sum.tenant; j++ {
			sum.count += all[j].count
			sum.maxSec = all[j].maxSec
		}
		if sum.count < smallTenant {
			out = append(out, sum)
		} else {
			out = append(out, all[i:j]...)
		}
		i = j
	}
	return slices.Clip(out)
}

// abort removes what was written.
func (w *runWriter) abort() error {
	var err error
	if w.file != nil {
		err = w.file.Close()
		w.file = nil
	}
	return errors.Join(err, w.fs.Remove(w.path))
}
