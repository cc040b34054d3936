// Package stream is the processor: it reads the event log, drops repeats, and
// writes every remaining event into the events table exactly once, whatever crashes
// between. It also moves late rows through a stream of their own, advances the rollups,
// keeps the accounting and the quarantine, and truncates the log.
//
// DESIGN.md in this directory gives the commit protocol, the order of its writes,
// and what a restart finds after a crash between any two of them.
package stream
