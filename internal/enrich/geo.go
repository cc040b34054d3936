package enrich

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// GeoPackage and GeoVersion name the npm package of the country file; `go run ./build/geo` fetches it.
// Its data come from the NRO (CC BY 4.0, attribution to nro.net) and are otherwise CC0.
const (
	GeoPackage = "@ip-location-db/geo-whois-asn-country-mmdb"
	GeoVersion = "2.3.2026061719"
)

// CountryFile is where the pinned country file lies in a cache directory.
func CountryFile(cache string) string {
	return filepath.Join(cache, "geo", GeoVersion, "country.mmdb")
}

type place struct{ country, region, city string }

// maxPlaces bounds the remembered records of one file; a country file has about 250.
const maxPlaces = 1 << 16

// geoFile is one mmdb file, held in memory: whoever replaces or overwrites it does not touch what is read.
type geoFile struct {
	file string
	now  atomic.Pointer[geoData]

	// Of reload only, which one goroutine calls.
	taken, seen stamp
}

// geoData is the content of a file. Records are remembered by their offset, so a lookup decodes nothing.
type geoData struct {
	db *maxminddb.Reader

	mu     sync.RWMutex
	places map[uintptr]place
}

// A stamp tells whether a file is another one than before.
type stamp struct {
	size, modified int64
	inode          uint64
}

func stampOf(file string) (stamp, error) {
	info, err := os.Stat(file)
	if err != nil {
		return stamp{}, err
	}
	s := stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s, nil
}

// maxGeoFile bounds a location file, in bytes.
const maxGeoFile = 1 << 30

// readGeo reads a file and tries it.
func readGeo(file string) (*geoData, error) {
	fail := func(err error) error { return fmt.Errorf("open the location file %s: %w", file, err) }
	info, err := os.Stat(file)
	if err != nil {
		return nil, fail(err)
	}
	if info.Size() > maxGeoFile {
		return nil, fail(fmt.Errorf("it has %d bytes, the limit is %d", info.Size(), maxGeoFile))
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fail(err)
	}
	db, err := maxminddb.OpenBytes(b)
	if err != nil {
		return nil, fail(err)
	}
	if err := try(db); err != nil {
		return nil, fail(err)
	}
	return &geoData{db: db, places: map[uintptr]place{}}, nil
}

// try looks up addresses all over the file. The library's own check is stricter than the format, and takes seconds for a large file.
func try(db *maxminddb.Reader) error {
	for i := range 1 << 12 {
		ips := []netip.Addr{netip.AddrFrom4([4]byte{byte(i >> 4), byte(i << 4), 1, 1})}
		if db.Metadata.IPVersion == 6 {
			ips = append(ips, netip.AddrFrom16([16]byte{0x20 | byte(i>>8), byte(i), 13: 1}))
		}
		for _, ip := range ips {
			res := db.Lookup(ip)
			var any map[string]any
			if err := res.Err(); err != nil {
				return fmt.Errorf("look up %s: %w", ip, err)
			}
			if !res.Found() {
				continue
			}
			if err := res.Decode(&any); err != nil {
				return fmt.Errorf("read the record of %s: %w", ip, err)
			}
		}
	}
	return nil
}

// openGeo opens the files of the configuration.
func (e *Enricher) openGeo() error {
	if e.cfg.CityFile != "" {
		g := &geoFile{file: e.cfg.CityFile}
		if err := g.open(); err != nil {
			return err
		}
		e.geo = append(e.geo, g)
	}
	if e.cfg.CountryFile == "" {
		if e.cfg.CityFile == "" {
			e.log.Warn("no location file is configured: the country of events stays empty")
		}
		return nil
	}
	g := &geoFile{file: e.cfg.CountryFile}
	err := g.open()
	if errors.Is(err, fs.ErrNotExist) {
		e.log.Warn("no country file: the country of events stays empty; run `make build` to fetch it", "file", e.cfg.CountryFile)
		err = nil
	}
	e.geo = append(e.geo, g)
	return err
}

func (g *geoFile) open() error {
	d, err := readGeo(g.file)
	if err != nil {
		return err
	}
	g.taken, _ = stampOf(g.file) // if it changed in between, it is read again
	g.seen = g.taken
	g.now.Store(d)
	return nil
}

// reload takes up a file that is another one than before, once it has stayed the same from one look to the next: so one that is being
// copied is not read half. One that cannot be used is left alone, with one warning, and what was read before stays in use.
func (g *geoFile) reload(log *slog.Logger) {
	s, err := stampOf(g.file)
	if err != nil { // gone for a moment, or for good
		return
	}
	if s == g.taken {
		g.seen = s
		return
	}
	if s != g.seen {
		g.seen = s
		return
	}
	d, err := readGeo(g.file)
	if again, err := stampOf(g.file); err != nil || again != s {
		return
	}
	g.taken = s
	if err != nil {
		log.Warn("the location file was replaced by one that cannot be used: the one from before stays in use", "file", g.file, "err", err)
		return
	}
	g.now.Store(d)
	log.Info("the location file was replaced", "file", g.file, "built", time.Unix(int64(d.db.Metadata.BuildEpoch), 0).UTC())
}

// built is when the most exact file was built.
func (e *Enricher) built() float64 {
	for _, g := range e.geo {
		if d := g.now.Load(); d != nil {
			return float64(d.db.Metadata.BuildEpoch)
		}
	}
	return 0
}

func (g *geoFile) lookup(ip netip.Addr) place {
	d := g.now.Load()
	if d == nil {
		return place{}
	}
	res := d.db.Lookup(ip)
	if !res.Found() {
		return place{}
	}
	off := res.Offset()
	d.mu.RLock()
	p, ok := d.places[off]
	d.mu.RUnlock()
	if ok {
		return p
	}
	p = decodePlace(res)
	d.mu.Lock()
	if len(d.places) >= maxPlaces {
		clear(d.places)
	}
	d.places[off] = p
	d.mu.Unlock()
	return p
}

// decodePlace reads the two record shapes in use: a flat country_code, and the nested one of city files.
func decodePlace(res maxminddb.Result) place {
	var rec struct {
		CountryCode string `maxminddb:"country_code"`
		Country     struct {
			ISO string `maxminddb:"iso_code"`
		} `maxminddb:"country"`
		Subdivisions []struct {
			Names map[string]string `maxminddb:"names"`
		} `maxminddb:"subdivisions"`
		City struct {
			Names map[string]string `maxminddb:"names"`
		} `maxminddb:"city"`
	}
	if err := res.Decode(&rec); err != nil {
		// A flat file may use one of the nested names for a string.
		var code string
		if res.DecodePath(&code, "country_code") != nil {
			return place{}
		}
		return place{country: code}
	}
	p := place{country: rec.Country.ISO, city: rec.City.Names["en"]}
	if p.country == "" {
		p.country = rec.CountryCode
	}
	if len(rec.Subdivisions) > 0 {
		p.region = rec.Subdivisions[0].Names["en"]
	}
	return p
}
