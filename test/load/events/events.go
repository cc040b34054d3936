// Package events renders web events for load tests at a cost that does not count: bodies are laid out once, and only
// the ids and times in them, which have fixed widths and places, are written anew for each request.
package events

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// Config says what to render.
type Config struct {
	SiteID  string
	Batch   int    // events of one body
	Clients int    // distinct client ids, at most 100 000 000
	Seed    uint64 // of the choice of pages, agents and so on
	Bodies  int    // distinct bodies of one Renderer, 8 by default
	// Visit is how many events of one client follow each other, Gap apart; 0: each event is of a client of its own.
	Visit int
	Gap   time.Duration
	// Own gives each client an address of its own, of one of many countries, and one of the browsers. Else no event has an address, and browsers are those of events.
	Own bool
	// Clock gives the time of a body by the number of its first event; nil: the time of sending.
	Clock func(n uint64) time.Time
}

// Counter numbers events over all renderers of a run, so that no id is used twice.
type Counter struct{ n atomic.Uint64 }

// Count is how many ids were given out.
func (c *Counter) Count() uint64 { return c.n.Load() }

// body is one request body and where in it the moving parts are.
type body struct {
	text                                   []byte
	ids, times, clients, addresses, agents []int
}

// Renderer makes bodies. It belongs to one goroutine.
type Renderer struct {
	cfg    Config
	run    uint32 // part of each id, so that runs differ
	count  *Counter
	rnd    *rand.Rand
	bodies []body
	next   int
}

// New lays out the bodies.
func New(cfg Config, run uint32, c *Counter) *Renderer {
	if cfg.Bodies == 0 {
		cfg.Bodies = 8
	}
	if cfg.Clients == 0 {
		cfg.Clients = 1_000_000
	}
	r := &Renderer{cfg: cfg, run: run, count: c, rnd: rand.New(rand.NewPCG(cfg.Seed, uint64(run)))}
	for range cfg.Bodies {
		r.bodies = append(r.bodies, r.layOut())
	}
	return r
}

const (
	idWidth     = 36 // UUID of version 4: the server cannot know its age
	msWidth     = 13
	clientWidth = 9
	ipWidth     = 15 // IPv4 with three digits in each place
)

var (
	hosts     = []string{"shop.example.com", "www.example.com", "blog.example.com"}
	sections  = []string{"products", "category", "blog", "help", "account", "search", "pricing", "checkout"}
	referrers = []string{"", "", "https://www.google.com/", "https://news.ycombinator.com/", "https://t.co/x9Zk2LmQ", "https://www.bing.com/search", "https://duckduckgo.com/"}
	campaigns = []string{"", "", "", "", "?utm_source=newsletter&utm_medium=email&utm_campaign=spring", "?utm_source=google&utm_medium=cpc"}
	agents    = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/138.0.0.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5) Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (Linux; Android 14) Chrome/138.0.0.0 Mobile",
	}
	// agentWidth is that of the longest of agents in quotes; behind a shorter one there are spaces.
	agentWidth = 2 + len(slices.MaxFunc(agents, func(a, b string) int { return len(a) - len(b) }))
	kinds      = []string{"pageview", "pageview", "pageview", "pageview", "click", "scroll", "purchase"}
)

func (r *Renderer) pick(list []string) string { return list[r.rnd.IntN(len(list))] }

// layOut renders one body with placeholders.
func (r *Renderer) layOut() body {
	var b body
	place := func(list *[]int, width int) {
		*list = append(*list, len(b.text))
		for range width {
			b.text = append(b.text, '0')
		}
	}
	for range r.cfg.Batch {
		b.text = append(b.text, `{"event_id":"`...)
		place(&b.ids, idWidth)
		kind := r.pick(kinds)
		b.text = fmt.Appendf(b.text, `","type":%q,"ts":`, kind)
		place(&b.times, msWidth)
		b.text = append(b.text, `,"client_id":"c`...)
		place(&b.clients, clientWidth)
		if r.cfg.Own {
			b.text = append(b.text, `","ip":"`...)
			place(&b.addresses, ipWidth)
		}
		host, path := r.pick(hosts), fmt.Sprintf("/%s/%d", r.pick(sections), zipf(r.rnd, 2000))
		b.text = fmt.Appendf(b.text, `","url":"https://%s%s%s"`, host, path, r.pick(campaigns))
		if ref := r.pick(referrers); ref != "" {
			b.text = fmt.Appendf(b.text, `,"referrer":%q`, ref)
		}
		if b.text = append(b.text, `,"user_agent":`...); r.cfg.Own {
			place(&b.agents, agentWidth)
		} else {
			b.text = fmt.Appendf(b.text, "%q", r.pick(agents))
		}
		r.appendProps(&b, kind)
		b.text = append(b.text, '}', '\n')
	}
	return b
}

// appendProps writes the properties.
func (r *Renderer) appendProps(b *body, kind string) {
	b.text = fmt.Appendf(b.text, `,"props":{"plan":%q,"width":%d`, r.pick([]string{"free", "pro", "team"}), 320+10*r.rnd.IntN(160))
	if kind == "purchase" {
		b.text = fmt.Appendf(b.text, `,"value":%d.%02d`, r.rnd.IntN(200), r.rnd.IntN(100))
	}
	b.text = append(b.text, '}')
}

// zipf draws from 1 to n, small numbers more often.
func zipf(rnd *rand.Rand, n int) int {
	f := rnd.Float64()
	return 1 + int(f*f*f*float64(n))
}

// Next returns a body of Batch events at now (or by Clock), each with an id of its own. It is valid until the body comes round again.
func (r *Renderer) Next(now time.Time) []byte {
	b := &r.bodies[r.next]
	r.next = (r.next + 1) % len(r.bodies)
	first := r.count.n.Add(uint64(len(b.ids))) - uint64(len(b.ids))
	if r.cfg.Clock != nil {
		now = r.cfg.Clock(first)
	}
	visit, gap := uint64(max(1, r.cfg.Visit)), uint64(r.cfg.Gap.Milliseconds())
	for i, at := range b.ids {
		n := first + uint64(i)
		putID(b.text[at:at+idWidth], r.run, n)
		putDecimal(b.text[b.times[i]:b.times[i]+msWidth], uint64(now.UnixMilli())+n%visit*gap)
		client := mix(n/visit) % uint64(r.cfg.Clients)
		putDecimal(b.text[b.clients[i]:b.clients[i]+clientWidth], client)
		if r.cfg.Own {
			putAddress(b.text[b.addresses[i]:b.addresses[i]+ipWidth], client)
			putAgent(b.text[b.agents[i]:b.agents[i]+agentWidth], client)
		}
	}
	return b.text
}

// mix spreads n (splitmix64).
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

const hexDigits = "0123456789abcdef"

// networks are first places of addresses with three digits that lie in many countries.
var networks = []uint64{103, 109, 117, 125, 133, 141, 151, 163, 176, 181, 186, 190, 193, 196, 200, 212}

// putAddress writes the address of a client.
func putAddress(dst []byte, client uint64) {
	h := mix(client)
	putDecimal(dst[:3], networks[h%uint64(len(networks))])
	for i := 1; i < 4; i++ {
		h /= 100
		dst[4*i-1] = '.'
		putDecimal(dst[4*i:4*i+3], 100+h%100)
	}
}

// putAgent writes the browser of a client in quotes.
func putAgent(dst []byte, client uint64) {
	agent := agents[mix(client+1)%uint64(len(agents))]
	n := 1 + copy(dst[1:], agent)
	dst[0], dst[n] = '"', '"'
	for i := n + 1; i < len(dst); i++ {
		dst[i] = ' '
	}
}

// putID writes a UUID of version 4 made of the run and the number: "RRRRRRRR-HHHH-4HHH-8HHH-NNNNNNNNNNNN".
func putID(dst []byte, run uint32, n uint64) {
	h := mix(n)
	putHex(dst[0:8], uint64(run))
	dst[8] = '-'
	putHex(dst[9:13], h)
	dst[13], dst[14] = '-', '4'
	putHex(dst[15:18], h>>16)
	dst[18], dst[19] = '-', '8'
	putHex(dst[20:23], h>>28)
	dst[23] = '-'
	putHex(dst[24:36], n)
}

func putHex(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = hexDigits[n&15]
		n >>= 4
	}
}

func putDecimal(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
}
