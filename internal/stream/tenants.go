package stream

import (
	"context"
	"time"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/stream/profile"
)

// Properties returns the properties of a tenant that can be columns, sorted by name, with the kind in which they are to be read. An unknown
// tenant has the common ones. The list is shared: read it only.
func (p *Processor) Properties(tenant string) []event.Property {
	list, _ := p.profiles.Properties(tenant)
	return list
}

// PropertiesVersion changes whenever Properties of the tenant does, and never comes again in this process.
func (p *Processor) PropertiesVersion(tenant string) uint64 {
	_, version := p.profiles.Properties(tenant)
	return version
}

// Unseen says whether it is certain that no event of the tenant has had the property (here: none of the site): it is not while the profiles are incomplete. known are the names that there are.
func (p *Processor) Unseen(tenant, site, property string, here bool) (known []string, unseen bool) {
	if !p.profiles.Complete() {
		return nil, false
	}
	return p.profiles.Unseen(tenant, site, property, here)
}

// Texts says whether no event of the tenant has a number as the property: it is false of a property that is not known, and while the profiles are incomplete. Of rows
// whose insert is under way it knows nothing yet.
func (p *Processor) Texts(tenant, property string) bool {
	return p.profiles.Complete() && p.profiles.Texts(tenant, property)
}

// Schema returns what is known of a tenant's properties.
func (p *Processor) Schema(tenant string) profile.Schema { return p.profiles.Schema(tenant) }

// CommonProperties are those that every tenant has, by declaration of the operator.
func (p *Processor) CommonProperties() []event.Property { return p.profiles.Common() }

// SetCommonProperties declares them. They are not stored here. Answers may change by it, so every data version does.
func (p *Processor) SetCommonProperties(list []event.Property) error {
	defer p.ChangeData()()
	return p.profiles.SetCommon(list)
}

// ForgetProperties takes names of a tenant's properties away: those that are named, and with public those that only senders without a key have sent. It waits until everything
// that was acknowledged before the call is stored, late rows included, so that no such event brings a name back: a name comes back with events that were sent after it, of the kind of
// their values. Nothing has changed when it returns an error: that of ctx, or profile.ErrRebuilding. It returns those that there were.
func (p *Processor) ForgetProperties(ctx context.Context, tenant string, names []string, public bool) ([]event.Property, error) {
	if err := p.WaitVisibleTo(ctx, tenant, p.Acknowledged(catalog.Range{})); err != nil {
		return nil, err
	}
	defer p.ChangeData(tenant)() // statements are written in another way from now on
	return p.profiles.ForgetNames(tenant, names, public)
}

// ProfilesComplete says that properties and statistics cover everything that is stored: false while they are learned from data that are older.
func (p *Processor) ProfilesComplete() bool { return p.profiles.Complete() }

// Statistics returns how much a tenant has, by day and by column.
func (p *Processor) Statistics(tenant string) profile.Statistics {
	return p.profiles.Statistics(tenant)
}

// DayRows calls fn with the number of rows that were ever stored of each of a tenant's days in [from, to] (days since 1970, UTC), in order. What has become
// visible before the call is counted. fn must not call the Processor.
func (p *Processor) DayRows(tenant string, from, to int32, fn func(day int32, rows uint64)) {
	p.profiles.EachDay(tenant, from, to, func(d profile.Day) { fn(d.Day, d.Rows) })
}

// Committed is the last _seq of each writer that was committed: its rows, and those of all before it, can be seen.
func (p *Processor) Committed() (main, late uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seqs[writerMain], p.seqs[writerLate]
}

// Stored returns the rows of a tenant in the events table, and their bytes, uncompressed.
func (p *Processor) Stored(tenant string) (rows, bytes uint64) { return p.profiles.Stored(tenant) }

// Reads estimates what a query reads that needs these columns of a tenant's events, or of all tenants' when none is named, with ts in [from, to). Zero times are no bounds.
// It is cheap: call it for every query.
func (p *Processor) Reads(tenant string, from, to time.Time, columns []string) (rows, bytes uint64) {
	return p.profiles.Reads(tenant, from, to, time.Now(), columns)
}

// ForgetTenant removes what is known of a tenant's data. Call it when the tenant is gone from the catalog and its rows from the
// tables; the accounting that is stored stays.
func (p *Processor) ForgetTenant(_ context.Context, tenant string) error {
	if err := p.profiles.Forget(tenant); err != nil {
		return err
	}
	p.versions.forget(tenant)
	p.acct.forget(tenant)
	return nil
}

// known says whether there is such a tenant.
func (p *Processor) known(tenant string) bool {
	_, ok := p.cfg.Tenants.Number(tenant)
	return ok
}
