// Package qos decides whose work is done next, and whose is not done now: it admits queries (Gate), events (Ingest) and
// addresses (Addresses). For tenants that do nothing it keeps what their queries cost and nothing else, and it starts no
// goroutines. DESIGN.md says how and why.
package qos
