// Package erasable has what a Pebble store needs so that what is erased from it leaves its files too.
package erasable

import "github.com/cockroachdb/pebble/v2"

// Cleaner removes files that are not needed any more. That it says it needs their contents, like the cleaner inside of contents, keeps the store
// from using write-ahead logs again: a used one would hold erased keys until they are overwritten, which may be never. The price is that the file system
// allocates each log anew; a store that syncs many times a second takes Logs instead.
type Cleaner struct {
	pebble.DeleteCleaner
	contents
}

type contents struct{ pebble.ArchiveCleaner }
