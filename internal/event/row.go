package event

import "math"

// Row is one event as a door hands it to a Batch. Byte slices are borrowed for
// the call of Append only. The zero value of a field is stored as the empty
// string or zero.
type Row struct {
	Tenant, Site                      string // tenant id, site_id
	TS, ReceivedAt                    int64  // Unix milliseconds
	Type, EventID, ClientID, UserID   []byte
	SessionID, URL, Host, Path        []byte
	Referrer, ReferrerHost            []byte
	UTMSource, UTMMedium, UTMCampaign []byte
	Channel                           string // of the visit: direct, internal, search, …
	UTMTerm, UTMContent               []byte
	Country, Region, City             string
	Device, OS, Browser               string
	IsBot                             bool   // BotScore is 50 or more
	BotRule                           string // name of the rule that says so; empty: none
	BotScore                          uint8  // 0 to 100
	Net                               []byte // daily-salted hash of the sender's network
	ClientTS                          int64  // as the sender's clock said, Unix milliseconds; 0 or TS: no correction was made
	UserAgent                         []byte
	EnrichVersion                     uint16
	Props                             []Prop // string, boolean, null and array values
	Nums                              []Num  // numbers
	PayloadHash                       uint32
	Flags                             uint8
}

// The types of the events that join ids of persons, and their property with the id that the user had before.
const (
	TypeIdentify = "identify"
	TypeAlias    = "alias"
	PropPrevious = "previous_id"
)

// MaxID is the longest id of a person, in bytes: longer ones join nobody and are not looked up, and doors refuse them.
const MaxID = 1024

// Prop is a property whose value is kept as text. Key and Value are valid UTF-8.
type Prop struct{ Key, Value []byte }

// Num is a property whose value is a finite number.
type Num struct {
	Key   []byte
	Value float64
}

func (n Num) bits() uint64 { return math.Float64bits(n.Value) }
