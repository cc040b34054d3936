package stream

import (
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// generationBits is how many bits of a data version are the number of the start; the others count changes since then.
const generationBits = 24

// slot names who changes data: each has at most one change under way.
type slot int

const (
	slotMain slot = iota
	slotLate
	slotRollup
	slotCount
)

// versions are the data versions of all tenants: DESIGN.md, "Data versions".
type versions struct {
	mu      sync.RWMutex
	last    uint64 // the highest version given away
	floor   uint64 // the version of every tenant that has no higher one
	tenants map[string]*tenantVersion
	all     int // changes under way that concern every tenant
	slots   [slotCount]*dataChange
	boot    map[uint16]uint64 // by writer: the last insert before this start
}

// tenantVersion is of a tenant whose data have changed since the start.
type tenantVersion struct {
	version uint64
	open    int                 // changes under way
	insert  [writers + 1]uint64 // by writer: its last insert with rows of the tenant
}

// dataChange is a change of some tenants' data that is under way.
type dataChange struct {
	tenants []string // without meaning when all is set
	all     bool
}

func newVersions() *versions {
	return &versions{tenants: map[string]*tenantVersion{}, boot: map[uint16]uint64{}}
}

// load begins a new generation: every version of this process is higher than every earlier one.
func (v *versions) load(db *pebble.DB) error {
	generation, err := readUint64(db, []byte{keyGeneration})
	if err != nil {
		return err
	}
	if generation++; generation >= 1<<generationBits {
		return fmt.Errorf("data versions: generation %d is out of range", generation)
	}
	if err := db.Set([]byte{keyGeneration}, uint64Value(generation), pebble.Sync); err != nil {
		return fmt.Errorf("begin a generation of data versions: %w", err)
	}
	v.last = generation << (64 - generationBits)
	v.floor = v.last
	return nil
}

// loadVersions begins a generation. Whatever a crash has left half done may be visible in part, and is not settled until it is finished.
func (p *Processor) loadVersions() error {
	if err := p.versions.load(p.db); err != nil {
		return err
	}
	for w, s := range map[uint16]slot{writerMain: slotMain, writerLate: slotLate} {
		p.versions.boot[w] = p.seqs[w]
		pending, err := readValue(p.db, key16(keyIntent, w))
		if err != nil {
			return err
		}
		if pending != nil {
			p.versions.begin(s, nil, true)
		}
	}
	return scan(p.db, []byte{keyStep}, func([]byte, []byte) error {
		p.versions.begin(slotRollup, nil, true)
		return nil
	})
}

// of returns a tenant's version. settled says that no change of its data is under way.
func (v *versions) of(tenant string) (version uint64, settled bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	version, settled = v.floor, v.all == 0
	if t := v.tenants[tenant]; t != nil {
		version, settled = max(version, t.version), settled && t.open == 0
	}
	return version, settled
}

// begin says that data of these tenants, or of all, are about to change. What the slot had under way before is
// taken to be part of it. It must be called before anything of the change can be seen.
func (v *versions) begin(s slot, tenants []string, all bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.slots[s]
	c := &dataChange{tenants: tenants, all: all}
	v.openLocked(c)
	v.slots[s] = c
	v.closeLocked(old)
}

// end says that the change of the slot can be seen wholly. Without one under way it does nothing.
func (v *versions) end(s slot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closeLocked(v.slots[s])
	v.slots[s] = nil
}

// inserted notes the insert that a tenant's rows were in.
func (v *versions) inserted(writer uint16, seq uint64, tenants []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, name := range tenants {
		v.tenantLocked(name).insert[writer] = seq
	}
}

// since returns the tenants that may have rows in inserts above seq of a writer; all says that any may.
func (v *versions) since(writer uint16, seq uint64) (tenants []string, all bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if seq < v.boot[writer] {
		return nil, true
	}
	for name, t := range v.tenants {
		if t.insert[writer] > seq {
			tenants = append(tenants, name)
		}
	}
	return tenants, false
}

// forget drops a tenant that is gone.
func (v *versions) forget(tenant string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t := v.tenants[tenant]; t != nil && t.open == 0 {
		delete(v.tenants, tenant)
	}
}

func (v *versions) tenantLocked(name string) *tenantVersion {
	t := v.tenants[name]
	if t == nil {
		t = &tenantVersion{}
		v.tenants[name] = t
	}
	return t
}

func (v *versions) openLocked(c *dataChange) {
	v.last++
	if c.all {
		v.all++
		v.floor = v.last
		return
	}
	for _, name := range c.tenants {
		t := v.tenantLocked(name)
		t.open++
		t.version = v.last
	}
}

func (v *versions) closeLocked(c *dataChange) {
	if c == nil {
		return
	}
	v.last++
	if c.all {
		v.all--
		v.floor = v.last
		return
	}
	for _, name := range c.tenants {
		t := v.tenantLocked(name)
		t.open--
		t.version = v.last
	}
}

// DataVersion is a number that stands for the data of a tenant that queries can see. It rises when something becomes visible,
// changes or goes away, and never comes again, not after a restart either. settled says that no such change is under way.
//
// An answer may be kept under a version, and given again while DataVersion returns that version, if DataVersion
// returned it with settled both before the query was sent to the engine and after its answer was read whole. Reads of the rollups' tables are covered too.
func (p *Processor) DataVersion(tenant string) (version uint64, settled bool) {
	return p.versions.of(tenant)
}

// ChangeData says that somebody else is about to change data of tenants (erasure, retention, deletion), or of all
// tenants when none is named. Until done is called, their versions are not settled.
func (p *Processor) ChangeData(tenants ...string) (done func()) {
	c := &dataChange{tenants: tenants, all: len(tenants) == 0}
	p.versions.mu.Lock()
	p.versions.openLocked(c)
	p.versions.mu.Unlock()
	return sync.OnceFunc(func() {
		p.versions.mu.Lock()
		defer p.versions.mu.Unlock()
		p.versions.closeLocked(c)
	})
}
