// Package disklog is the event log of one machine: an eventlog.Log on Pebble,
// a log-structured store whose write-ahead log gives group commit.
//
// # Layout
//
// A record is one key, partition (2 bytes, big endian) then offset (8 bytes,
// big endian), so a partition is one ascending range. Its value holds a header
// (version, checksum, append time, running byte count) and the caller's data.
// Partition 0xFFFF is kept for the log's own state: the number of partitions
// and, per partition, where the kept records begin.
//
// # Durability and order
//
// An append takes its offset and enters Pebble's write-ahead log under one
// lock per partition, so the order in that log is the order of offsets, and any
// prefix of it that a crash leaves has no gap. It is shown to readers, and
// acknowledged, when its sync and those of all lower offsets have returned.
//
// # When the disk fails or is full
//
// Pebble answers a failed write or sync by ending the process. So Pebble never
// sees one: a fence between it and the file system notices the first failure,
// from then on writes nothing more, and lets Pebble believe that all is well
// (see fence). The files stay exactly as they were at that moment, as if the
// process had been killed there. The log refuses appends (with ErrFull if space
// was the reason), keeps serving reads, and in the background, once a probe can
// write again, closes the old store and opens it anew, which replays the
// write-ahead log. No restart is needed. The disk guard (Config.MaxDiskUse)
// refuses appends earlier, while reading and truncating still work.
//
// # Memory
//
// At most MaxMemTables memtables of MemTableBytes each, one more that Pebble
// keeps for reuse, and CacheBytes of block cache: about 190 MiB at the defaults
// under the heaviest load, and a few MiB on a log that has not been written to.
package disklog
