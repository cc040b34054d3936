// Package query answers a tenant's own SQL.
//
// The guard (Guard) is the first of two barriers between tenants: it parses the
// statement, refuses everything that is not on an allow-list, and puts the
// tenant's relations in front of it as common table expressions. The second
// barrier is the engine's row policy. Each must hold alone; DESIGN.md says how
// the guard is built and what was rejected.
package query
