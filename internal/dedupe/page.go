package dedupe

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
)

// A page of a run file: up to pageRecs recs in order, zeros, then 16 bytes: count
// (2), zero (2), number of the page (4), low part of the file's number (4),
// checksum of all before it (4).
const (
	pageSize = 4096
	pageRecs = (pageSize - 16) / recSize
)

func sealPage(p []byte, count int, page uint32, file uint64) {
	clear(p[count*recSize : pageSize-16])
	t := p[pageSize-16:]
	binary.LittleEndian.PutUint16(t, uint16(count))
	binary.LittleEndian.PutUint16(t[2:], 0)
	binary.LittleEndian.PutUint32(t[4:], page)
	binary.LittleEndian.PutUint32(t[8:], uint32(file))
	binary.LittleEndian.PutUint32(t[12:], crc32.Checksum(p[:pageSize-4], castagnoli))
}

// openPage checks a page and returns its recs' bytes.
func openPage(p []byte, page uint32, file uint64) ([]byte, error) {
	if len(p) != pageSize {
		return nil, fmt.Errorf("it has %d bytes", len(p))
	}
	t := p[pageSize-16:]
	if binary.LittleEndian.Uint32(t[12:]) != crc32.Checksum(p[:pageSize-4], castagnoli) {
		return nil, fmt.Errorf("its checksum does not match")
	}
	if got := binary.LittleEndian.Uint32(t[4:]); got != page || binary.LittleEndian.Uint32(t[8:]) != uint32(file) {
		return nil, fmt.Errorf("it is page %d of another place", got)
	}
	n := int(binary.LittleEndian.Uint16(t))
	if n == 0 || n > pageRecs {
		return nil, fmt.Errorf("it claims %d keys", n)
	}
	return p[:n*recSize], nil
}

// find returns the rec of the key in a page's recs. edge tells that the page's
// first rec has the same a: the key may then stand on the page before.
func find(recs []byte, a, b uint64) (r rec, ok, edge bool) {
	lo, hi := 0, len(recs)/recSize
	for lo < hi {
		mid := (lo + hi) / 2
		if binary.BigEndian.Uint64(recs[mid*recSize:]) < a {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	edge = lo == 0
	for at := lo * recSize; at < len(recs); at += recSize {
		r := getRec(recs[at:])
		if r.a != a {
			edge = edge && at > 0
			break
		}
		if r.b == b {
			return r, true, false
		}
	}
	return rec{}, false, edge
}

// pageOf returns the last page that can hold a.
func (r *run) pageOf(a uint64) uint32 {
	n := len(r.fences)
	guess, _ := bits.Mul64(a, uint64(n))
	lo, hi := max(0, int(guess)-48), min(n, int(guess)+48)
	if r.fences[lo] > a {
		lo = 0
	}
	if hi < n && r.fences[hi] <= a {
		hi = n
	}
	// the first page of [lo, hi) whose fence is above a
	at, _ := slices.BinarySearchFunc(r.fences[lo:hi], a, func(fence, a uint64) int {
		if fence <= a {
			return -1
		}
		return 1
	})
	return uint32(max(0, lo+at-1))
}

const readPages = 16 // pages read at once at most

// reader reads pages of one run, several neighbours at once.
type reader struct {
	r       *run
	buf     []byte
	from    uint32 // first page in buf
	n       uint32 // pages in buf
	checked uint32 // bit per page in buf
}

// page returns the recs of a page, and reads up to the page `to` if it must read.
func (d *reader) page(page, to uint32) ([]byte, error) {
	if page < d.from || page >= d.from+d.n {
		d.from, d.n, d.checked = page, min(to-page+1, readPages), 0
		if d.buf == nil {
			d.buf = make([]byte, readPages*pageSize)
		}
		if _, err := d.r.file.ReadAt(d.buf[:d.n*pageSize], int64(page)*pageSize); err != nil {
			d.n = 0
			return nil, fmt.Errorf("read %s page %d: %w", d.r.name(), page, err)
		}
	}
	i := page - d.from
	p := d.buf[i*pageSize:][:pageSize]
	if d.checked&(1<<i) == 0 {
		if _, err := openPage(p, page, d.r.meta.file); err != nil {
			d.n = 0
			return nil, d.r.corrupt(fmt.Sprintf("page %d", page), err.Error())
		}
		d.checked |= 1 << i
	}
	return p[:int(binary.LittleEndian.Uint16(p[pageSize-16:]))*recSize], nil
}

// probeRuns looks up the entries in the run files.
func (c *scratch) probeRuns(s *Set, v *view) error {
	window := int64(s.cfg.Window.Seconds())
	for _, r := range v.runs {
		if int64(r.meta.maxSec) < int64(c.minSec)-window || r.meta.maxSec < v.floor {
			continue // all of it is forgotten for all of these entries
		}
		c.hits = r.filter.match(c.a, c.b, c.anywhere, c.hits[:0])
		if list := c.inDay[r.meta.day]; len(list) > 0 && r.meta.day != 0 {
			c.hits = r.filter.match(c.a, c.b, list, c.hits)
		}
		if len(c.hits) == 0 {
			continue
		}
		misses, err := c.confirm(r)
		if err != nil {
			return err
		}
		s.metrics.falseHits.Add(float64(misses))
	}
	return nil
}

// confirm reads the pages of the hits, in the order of the file.
func (c *scratch) confirm(r *run) (misses int, err error) {
	hits := c.hits
	slices.SortFunc(hits, func(x, y uint32) int {
		switch ax, ay := c.a[x], c.a[y]; {
		case ax < ay:
			return -1
		case ax > ay:
			return 1
		}
		return 0
	})
	c.pages = resize(c.pages, len(hits))
	for i, h := range hits {
		c.pages[i] = r.pageOf(c.a[h])
	}
	d := &c.reader
	d.r, d.n = r, 0
	for i, h := range hits {
		page := c.pages[i]
		to := page
		for j := i + 1; j < len(hits) && c.pages[j] <= to+2 && c.pages[j] < page+readPages; j++ {
			to = c.pages[j]
		}
		found := false
		for {
			recs, err := d.page(page, to)
			if err != nil {
				return misses, err
			}
			got, ok, edge := find(recs, c.a[h], c.b[h])
			if ok {
				c.note(int(h), got.payload, got.sec)
				found = true
				break
			}
			if !edge || page == 0 {
				break
			}
			page--
			to = page
		}
		if !found {
			misses++
		}
	}
	return misses, nil
}
