CREATE TABLE IF NOT EXISTS weir.lookups
(
    tenant String,
    lookup String,
    version UInt64,
    _row UInt32,
    texts Array(Nullable(String)),
    ints Array(Nullable(Int64)),
    floats Array(Nullable(Float64))
)
ENGINE = MergeTree
PARTITION BY cityHash64(tenant) % 16
ORDER BY (tenant, lookup, version, _row)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1;
