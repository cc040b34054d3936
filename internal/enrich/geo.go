package enrich

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"

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

// geoFile is one open mmdb file. Records are remembered by their offset, so a lookup decodes nothing.
type geoFile struct {
	db *maxminddb.Reader

	mu     sync.RWMutex
	places map[uintptr]place
}

func openGeo(file string) (*geoFile, error) {
	db, err := maxminddb.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open the location file %s: %w", file, err)
	}
	return &geoFile{db: db, places: map[uintptr]place{}}, nil
}

func (g *geoFile) lookup(ip netip.Addr) place {
	res := g.db.Lookup(ip)
	if !res.Found() {
		return place{}
	}
	off := res.Offset()
	g.mu.RLock()
	p, ok := g.places[off]
	g.mu.RUnlock()
	if ok {
		return p
	}
	p = decodePlace(res)
	g.mu.Lock()
	if len(g.places) >= maxPlaces {
		clear(g.places)
	}
	g.places[off] = p
	g.mu.Unlock()
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
