package event

// Facts are what a door derives from the address and the user agent of an event's sender.
// An empty string means unknown. Version names the set of rules that found them, so that
// stored events can be classified again.
type Facts struct {
	Country, Region, City string // ISO 3166-1 alpha-2 code, name, name
	Device                string // desktop, mobile, tablet, tv, bot, other; empty without a user agent
	OS, Browser           string
	IsBot                 bool
	Version               uint16
}
