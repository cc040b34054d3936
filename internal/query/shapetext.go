package query

import "weir/internal/tenant"

// ShapeText returns the text of a shape that the tenant asked since the start, without literals and cut at 2 048 bytes; empty when it is not remembered.
func (s *Service) ShapeText(id tenant.ID, shape string) string { return s.texts.Of(id, shape) }

// ForgetTenant forgets the texts of a tenant.
func (s *Service) ForgetTenant(id tenant.ID) { s.texts.Forget(id) }
