package qos

import (
	"errors"
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/problem"
)

// AddressConfig configures an Addresses.
type AddressConfig struct {
	Rate  int64 // requests a second of one address; 0: no limit
	Burst int64 // how many of them may come at once; 0: Rate
	// Limit is the name of Rate in answers: http.ip_rate by default.
	Limit string
	Now   func() time.Time
}

// Addresses limits the requests of each address at a public door. Of IPv6 a /64 is one address: that is what one customer has. Memory is bounded: of
// more addresses than fit, those that sent nothing for longest are forgotten, and so start anew. It is safe for concurrent use.
type Addresses struct {
	cfg      AddressConfig
	seed     maphash.Seed
	refusals *prometheus.CounterVec
	shards   [addressShards]addressShard
}

const (
	addressShards  = 16
	addressesShard = 4096 // about 100 bytes each
)

type addressShard struct {
	mu  sync.Mutex
	lru *simplelru.LRU[netip.Addr, *bucket]
}

// NewAddresses returns an Addresses. reg may be nil.
func NewAddresses(cfg AddressConfig, reg prometheus.Registerer) (*Addresses, error) {
	if cfg.Rate < 0 || cfg.Burst < 0 {
		return nil, errors.New("qos: the rate and burst of an address must not be negative")
	}
	if cfg.Burst == 0 {
		cfg.Burst = cfg.Rate
	}
	if cfg.Limit == "" {
		cfg.Limit = "http.ip_rate"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &Addresses{cfg: cfg, seed: maphash.MakeSeed(), refusals: newRefusals()}
	for i := range a.shards {
		var err error
		if a.shards[i].lru, err = simplelru.NewLRU[netip.Addr, *bucket](addressesShard, nil); err != nil {
			return nil, err
		}
	}
	if reg == nil {
		return a, nil
	}
	var err error
	a.refusals, err = shared(reg, a.refusals)
	return a, err
}

// party is the address that is limited: of IPv6 the first 64 bits. Without an address all share one.
func addressParty(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64) // fails for more bits than there are
		return p.Addr()
	}
	return ip
}

// Admit counts one request of ip, or refuses it.
func (a *Addresses) Admit(ip netip.Addr) *problem.Problem {
	if a.cfg.Rate == 0 {
		return nil
	}
	ip = addressParty(ip)
	s := &a.shards[maphash.Comparable(a.seed, ip)%addressShards]
	now := a.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.lru.Get(ip)
	if !ok {
		b = &bucket{}
		s.lru.Add(ip, b)
	}
	b.fill(now, float64(a.cfg.Rate), float64(a.cfg.Burst))
	if b.tokens >= 1 {
		b.tokens--
		return nil
	}
	a.refusals.WithLabelValues("address", a.cfg.Limit).Inc()
	retry := b.after(1, float64(a.cfg.Rate))
	return problem.New(http.StatusTooManyRequests, "too_many_requests",
		"this address sends more than %d requests a second (%s), and more than %d at once: send fewer, or more events in each. Try again in %s",
		a.cfg.Rate, a.cfg.Limit, a.cfg.Burst, whole(retry)).WithLimit(a.cfg.Limit, a.cfg.Rate).WithRetry(retry)
}

// Limit serves next for addresses that are within their limit. address finds the client's, with regard to trusted proxies.
func (a *Addresses) Limit(next http.Handler, address func(*http.Request) netip.Addr) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := a.Admit(address(r)); p != nil {
			p.Write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
