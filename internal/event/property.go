package event

// PropertyKind is the type of a property as one tenant sends it.
type PropertyKind uint8

// The kinds of properties, in the order in which a property widens: whole numbers and fractions together are PropFloat,
// anything together with text is PropString.
const (
	PropBool   PropertyKind = iota + 1 // Nullable(Bool)
	PropInt                            // Nullable(Int64)
	PropFloat                          // Nullable(Float64)
	PropString                         // Nullable(String)
)

// Property is a property that a tenant's events have had.
type Property struct {
	Name string
	Kind PropertyKind
}
