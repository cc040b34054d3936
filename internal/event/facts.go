package event

// Facts are what a door derives from the address and the user agent of an event's sender.
// An empty string means unknown. Version names the set of rules that found them, so that
// stored events can be classified again.
type Facts struct {
	Country, Region, City string // ISO 3166-1 alpha-2 code, name, name
	Device                string // desktop, mobile, tablet, tv, bot, other; empty without a user agent
	OS, Browser           string
	IsBot                 bool     // BotScore is 50 or more
	BotRule               string   // the rule that says so; empty: none
	BotScore              uint8    // 0 to 100
	Net                   [16]byte // hash of the sender's network, hexadecimal digits; zero: not known
	Version               uint16
}
