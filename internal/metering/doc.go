// Package metering measures what work costs and charges it to the tenant that caused it. It takes the CPU of this process from its own
// continuous profile, that of the engine from its threads and statements, everything else from the records that components send (it is a
// usage.Sink), keeps the sums in a ledger of its own, prices them (it is a usage.Pricer), watches budgets, and serves and exports the bill.
// DESIGN.md says how the sums come to add up.
package metering
