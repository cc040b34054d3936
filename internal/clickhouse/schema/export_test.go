package schema

import "context"

// MigrateTo runs the migrations up to a version, as a weir of that version would have.
func MigrateTo(ctx context.Context, e Engine, version int) error {
	all, err := load(files)
	if err != nil {
		return err
	}
	for _, m := range all[:version] {
		if err := apply(ctx, e, m); err != nil {
			return err
		}
	}
	return nil
}
