package metering

import (
	"bytes"
	"encoding/binary"
	"strings"
	"time"

	"weir/internal/tenant"
	"weir/internal/usage"
)

// Kinds of the installation's own rows: they have no tenant, and Source names the part.
const (
	KindOverhead    usage.Kind = "overhead"    // CPU that serves no tenant
	KindUnexplained usage.Kind = "unexplained" // CPU of a process that none of its measurements shows
)

// Other stands for users, shapes and sources beyond the bound of a tenant's hour.
const Other = "other"

// Key says what a row of the ledger is about.
type Key struct {
	Tenant tenant.ID // empty: the installation
	Hour   uint32    // hours since the Unix epoch; of a day that was compacted, its first
	Day    bool      // the row is a whole day's
	Kind   usage.Kind
	Source string
	User   string
	Shape  string
}

func hourOf(t time.Time) uint32 { return uint32(t.Unix() / 3600) }

func timeOf(hour uint32) time.Time { return time.Unix(int64(hour)*3600, 0).UTC() }

// The key spaces of the store.
const (
	spaceUsage  = 'u' // tenant 0 hour day kind 0 source 0 user 0 shape → Amounts
	spacePrices = 'p' // Unix seconds → Book
	spaceBudget = 'b' // tenant 0 month threshold amount → notice
	spaceGone   = 'g' // tenant → fate of a deleted tenant's rows
	spaceText   = 's' // tenant 0 shape → day, text of a query's shape
)

const maxName = 200 // bytes of a name in a key

// clean makes a name fit for a key.
func clean(s string) string {
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return strings.ReplaceAll(s, "\x00", "")
}

func tenantPrefix(space byte, t tenant.ID) []byte {
	return append(append([]byte{space}, t...), 0)
}

func hourPrefix(t tenant.ID, hour uint32) []byte {
	return binary.BigEndian.AppendUint32(tenantPrefix(spaceUsage, t), hour)
}

func (k Key) encode() []byte {
	b := hourPrefix(k.Tenant, k.Hour)
	if k.Day {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = append(append(b, k.Kind...), 0)
	b = append(append(b, k.Source...), 0)
	b = append(append(b, k.User...), 0)
	return append(b, k.Shape...)
}

func decodeKey(b []byte) (Key, bool) {
	var k Key
	if len(b) == 0 || b[0] != spaceUsage {
		return k, false
	}
	id, rest, ok := bytes.Cut(b[1:], []byte{0})
	if !ok || len(rest) < 5 || rest[4] > 1 {
		return k, false
	}
	k.Tenant, k.Hour, k.Day = tenant.ID(id), binary.BigEndian.Uint32(rest), rest[4] == 1
	parts := bytes.SplitN(rest[5:], []byte{0}, 5)
	if len(parts) != 4 {
		return k, false
	}
	k.Kind, k.Source, k.User, k.Shape = usage.Kind(parts[0]), string(parts[1]), string(parts[2]), string(parts[3])
	return k, true
}
