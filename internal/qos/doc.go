// Package qos decides whose work is done next, and whose is not done now: it admits queries (Gate), events (Ingest) and
// addresses (Addresses). It keeps nothing for tenants that do nothing, and starts no goroutines. DESIGN.md says how and why.
package qos
