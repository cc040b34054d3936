// Package event holds the event model: the columns of an event, the columnar
// batch that carries events from a door to the engine, and the codec of the
// log record. It imports nothing else of weir.
package event

// Kind is how a column is held in a Batch and encoded in a record.
type Kind uint8

// The kinds of columns.
const (
	KindString  Kind = iota + 1 // String
	KindLowCard                 // LowCardinality(String)
	KindTime                    // DateTime64(3, 'UTC'), Unix milliseconds
	KindUInt8                   // UInt8
	KindUInt16                  // UInt16
	KindUInt32                  // UInt32
	KindUInt64                  // UInt64
	KindProps                   // Map(LowCardinality(String), String), without dictionaries in the table: see TableType
	KindNums                    // Map(LowCardinality(String), Float64), likewise
)

// Column describes one column of an event. Number is permanent: a record in
// the log names its columns by number, so a number is never used again for
// something else.
type Column struct {
	Number uint16
	Name   string
	Kind   Kind
	// Stored says that the column exists in the events table; the others live in the log only.
	Stored bool
	// Visible says that a tenant sees the column in its relation `events`.
	Visible bool
}

// The numbers of the columns.
const (
	ColTenant        = 1
	ColSite          = 2
	ColTS            = 3
	ColReceivedAt    = 4
	ColType          = 5
	ColEventID       = 6
	ColClientID      = 7
	ColUserID        = 8
	ColSessionID     = 9
	ColURL           = 10
	ColHost          = 11
	ColPath          = 12
	ColReferrer      = 13
	ColReferrerHost  = 14
	ColUTMSource     = 15
	ColUTMMedium     = 16
	ColUTMCampaign   = 17
	ColCountry       = 18
	ColRegion        = 19
	ColCity          = 20
	ColDevice        = 21
	ColOS            = 22
	ColBrowser       = 23
	ColIsBot         = 24
	ColUserAgent     = 25
	ColEnrichVersion = 26
	ColProps         = 27
	ColPropsNum      = 28
	ColChannel       = 29
	ColUTMTerm       = 30
	ColUTMContent    = 31
	ColBotRule       = 32
	ColBotScore      = 33
	ColNet           = 34
	ColClientTS      = 35
	// Log only.
	ColPayloadHash = 100
	ColFlags       = 101
)

// Columns lists every column of schema version SchemaVersion in the order of a record.
var Columns = []Column{
	{ColTenant, "tenant", KindLowCard, true, false},
	{ColSite, "site_id", KindLowCard, true, true},
	{ColTS, "ts", KindTime, true, true},
	{ColReceivedAt, "received_at", KindTime, true, true},
	{ColType, "type", KindLowCard, true, true},
	{ColEventID, "event_id", KindString, true, true},
	{ColClientID, "client_id", KindString, true, true},
	{ColUserID, "user_id", KindString, true, true},
	{ColSessionID, "session_id", KindString, true, true},
	{ColURL, "url", KindString, true, true},
	{ColHost, "host", KindLowCard, true, true},
	{ColPath, "path", KindString, true, true},
	{ColReferrer, "referrer", KindString, true, true},
	{ColReferrerHost, "referrer_host", KindLowCard, true, true},
	{ColChannel, "channel", KindLowCard, true, true},
	{ColUTMSource, "utm_source", KindLowCard, true, true},
	{ColUTMMedium, "utm_medium", KindLowCard, true, true},
	{ColUTMCampaign, "utm_campaign", KindLowCard, true, true},
	{ColUTMTerm, "utm_term", KindLowCard, true, true},
	{ColUTMContent, "utm_content", KindLowCard, true, true},
	{ColCountry, "country", KindLowCard, true, true},
	{ColRegion, "region", KindLowCard, true, true},
	{ColCity, "city", KindLowCard, true, true},
	{ColDevice, "device", KindLowCard, true, true},
	{ColOS, "os", KindLowCard, true, true},
	{ColBrowser, "browser", KindLowCard, true, true},
	{ColIsBot, "is_bot", KindUInt8, true, true},
	{ColBotRule, "bot_rule", KindLowCard, true, true},
	{ColBotScore, "bot_score", KindUInt8, true, true},
	{ColUserAgent, "user_agent", KindLowCard, true, true},
	{ColNet, "net", KindString, true, true},
	{ColClientTS, "client_ts", KindTime, true, true},
	{ColEnrichVersion, "enrich_version", KindUInt16, true, false},
	{ColProps, "props", KindProps, true, true},
	{ColPropsNum, "props_num", KindNums, true, true},
	{ColPayloadHash, "_payload", KindUInt32, false, false},
	{ColFlags, "_flags", KindUInt8, false, false},
}

// SchemaVersion is the number of this set of columns; it is written into every record. Version 2 added the columns 29 to 35.
const SchemaVersion = 2

// Flags of a row (ColFlags).
const (
	// FlagSenderID says that the sender chose the event id, so the row must be deduplicated.
	FlagSenderID uint8 = 1 << iota
	// FlagImport says that the row came through an import: any age of ts is allowed.
	FlagImport
	// FlagPublic says that the sender named the source by something that anybody can know, and had no key. Ids of such senders are compared with each other only: whoever guesses
	// an id cannot make the event of a sender with a key look like a copy. Names of properties have a share of their own (package profile). Events without an id of the sender's have the
	// flag since names do.
	FlagPublic
)
