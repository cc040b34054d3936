package enrich

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dchest/siphash"
)

// salts are the secrets behind ids of visitors without cookies and hashes of networks: one at random for each day (UTC). Today's and
// yesterday's are kept, in a file of their own; writing a day's salt overwrites that of two days before, after which nobody can
// compute a hash of that day again. So none is kept for more than 48 hours while weir runs; what it finds too old at its start it overwrites.
//
// The file has two slots, for even and odd days: the day's number (8 bytes), the salt (32), CRC-32 of both (4), little endian.
type salts struct {
	file string // empty: in memory only
	now  func() time.Time
	log  *slog.Logger

	days  atomic.Pointer[twoDays]
	carry carry

	mu      sync.Mutex
	unsaved bool // the salt of the present day is not in the file
}

// A salt is four words of a key: two for visitors, two for networks.
type salt [4]uint64

// twoDays is never changed.
type twoDays struct {
	day              int64 // since 1970, UTC
	today, yesterday salt
	hasYesterday     bool
}

const (
	slotSize    = 8 + 32 + 4
	daySeconds  = 24 * 60 * 60
	carryWindow = 30 * 60 // seconds without an event after which yesterday's id is not used any more
)

func openSalts(file string, now func() time.Time, log *slog.Logger) (*salts, error) {
	s := &salts{file: file, now: now, log: log}
	if file != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return nil, fmt.Errorf("make the directory of the salt file: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.rotateLocked(dayOf(now())); err != nil {
		return nil, err
	}
	return s, nil
}

// serves says whether these are the salts to use on a day. A clock that went back by some seconds changes nothing; one that was days ahead does, else the
// salt of then would be used until then.
func (d *twoDays) serves(day int64) bool { return d.day == day || d.day == day+1 }

func dayOf(t time.Time) int64 { return t.Unix() / daySeconds }

// at returns the salts for a day. When it begins, they are rotated.
func (s *salts) at(day int64) *twoDays {
	d := s.days.Load()
	if d.serves(day) {
		return d
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.days.Load().serves(day) {
		if err := s.rotateLocked(day); err != nil {
			s.log.Error("the salt of the day could not be saved: ids of visitors without cookies change at the next restart", "file", s.file, "err", err)
		}
	}
	return s.days.Load()
}

// rotateLocked makes day the present one: with the salt of the file, if it has one, else with a new one. After an error the salt is in
// memory only, and tick tries to save it again.
func (s *salts) rotateLocked(day int64) error {
	next := &twoDays{day: day}
	known, readErr := s.read()
	if old := s.days.Load(); old != nil && old.day == day-1 {
		next.yesterday, next.hasYesterday = old.today, true
	} else if v, ok := known[day-1]; ok {
		next.yesterday, next.hasYesterday = v, true
	}
	var ok bool
	if next.today, ok = known[day]; !ok {
		var b [32]byte
		if _, err := rand.Read(b[:]); err != nil {
			return fmt.Errorf("make a salt: %w", err)
		}
		next.today = saltOf(b[:])
	}
	s.days.Store(next)
	err := s.save(next)
	s.unsaved = err != nil
	return errors.Join(readErr, err)
}

func saltOf(b []byte) (v salt) {
	for i := range v {
		v[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return v
}

// read returns the salts of the file by day. A slot that was cut or damaged counts as empty.
func (s *salts) read() (map[int64]salt, error) {
	if s.file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read the salt file: %w", err)
	}
	known := map[int64]salt{}
	for ; len(b) >= slotSize; b = b[slotSize:] {
		if crc32.ChecksumIEEE(b[:40]) == binary.LittleEndian.Uint32(b[40:]) {
			known[int64(binary.LittleEndian.Uint64(b))] = saltOf(b[8:40])
		}
	}
	return known, nil
}

// save writes both slots over what was there, in place, so that nothing of an older salt stays.
func (s *salts) save(d *twoDays) (err error) {
	if s.file == "" {
		return nil
	}
	var b [2 * slotSize]byte
	put := func(day int64, v salt) {
		slot := b[slotSize*(day&1):][:slotSize]
		binary.LittleEndian.PutUint64(slot, uint64(day))
		for i, w := range v {
			binary.LittleEndian.PutUint64(slot[8+8*i:], w)
		}
		binary.LittleEndian.PutUint32(slot[40:], crc32.ChecksumIEEE(slot[:40]))
	}
	put(d.day, d.today)
	if d.hasYesterday {
		put(d.day-1, d.yesterday)
	}
	f, err := os.OpenFile(s.file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the salt file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Chmod(0o600); err != nil {
		return fmt.Errorf("protect the salt file: %w", err)
	}
	if _, err := f.WriteAt(b[:], 0); err != nil {
		return fmt.Errorf("write the salt file: %w", err)
	}
	if err := f.Truncate(int64(len(b))); err != nil {
		return fmt.Errorf("write the salt file: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write the salt file: %w", err)
	}
	return nil
}

// tick rotates when a day began without events, saves what could not be saved, and forgets who has not come for a while.
func (s *salts) tick() {
	now := s.now()
	d := s.at(dayOf(now))
	s.carry.sweep(now.Unix())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsaved && s.save(d) == nil {
		s.unsaved = false
		s.log.Info("the salt of the day is saved", "file", s.file)
	}
}

// netSize is the length of the text of a network's hash.
const netSize = 16

// network writes the hash of the network of an address, /24 or /48, as hexadecimal digits.
func (s *salts) network(dst *[netSize]byte, ip netip.Addr) {
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return
	}
	a := p.Addr().As16()
	d := s.at(dayOf(s.now()))
	var sum [8]byte
	binary.BigEndian.PutUint64(sum[:], siphash.Hash(d.today[2], d.today[3], a[:]))
	hex.Encode(dst[:], sum[:])
}

// visitorPrefix begins the ids that weir derives.
const visitorPrefix = "d-"

// visitor appends the id of the day of who has an address and a user agent at a site: 24 characters. Around midnight the id stays that of
// the day before until the visitor has not come for half an hour, so that a visit does not fall apart.
func (s *salts) visitor(dst []byte, site string, ip netip.Addr, userAgent []byte) []byte {
	now := s.now()
	d := s.at(dayOf(now))
	n := len(dst)
	a := ip.As16()
	dst = append(append(append(append(dst, site...), 0), a[:]...), userAgent...)
	hi, lo := siphash.Hash128(d.today[0], d.today[1], dst[n:])
	if d.hasYesterday && s.carry.some.Load() {
		if yhi, ylo := siphash.Hash128(d.yesterday[0], d.yesterday[1], dst[n:]); s.carry.goesOn(yhi, now.Unix()) {
			hi, lo = yhi, ylo
		}
	}
	if now.Unix()%daySeconds >= daySeconds-carryWindow {
		s.carry.note(hi, now.Unix())
	}
	var sum [16]byte
	binary.BigEndian.PutUint64(sum[:], hi)
	binary.BigEndian.PutUint64(sum[8:], lo)
	dst = append(dst[:n], visitorPrefix...)
	return base64.RawURLEncoding.AppendEncode(dst, sum[:])
}

// carry remembers when the visitors of the last half hour of a day came last, by a part of their ids. It is in memory only: after
// a restart around midnight a visit may count as two.
type carry struct {
	some atomic.Bool // that there is any

	mu   sync.Mutex
	seen map[uint64]int64 // Unix seconds
}

// maxCarry bounds what is remembered: about 40 MB. Visitors beyond it get the id of the new day at midnight.
const maxCarry = 1 << 20

func (c *carry) note(id uint64, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[uint64]int64{}
	}
	if _, ok := c.seen[id]; ok || len(c.seen) < maxCarry {
		c.seen[id] = now
		c.some.Store(true)
	}
}

// goesOn says whether a visitor came within the last half hour, and notes that it came again.
func (c *carry) goesOn(id uint64, now int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, ok := c.seen[id]
	if !ok || now-last > carryWindow {
		return false
	}
	c.seen[id] = now
	return true
}

func (c *carry) sweep(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, last := range c.seen {
		if now-last > carryWindow {
			delete(c.seen, id)
		}
	}
	if len(c.seen) == 0 {
		c.seen = nil
		c.some.Store(false)
	}
}
