CREATE TABLE IF NOT EXISTS weir.events
(
    tenant LowCardinality(String),
    site_id LowCardinality(String),
    ts DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    type LowCardinality(String),
    event_id String,
    client_id String,
    user_id String,
    session_id String,
    url String,
    host LowCardinality(String),
    path String,
    referrer String,
    referrer_host LowCardinality(String),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    country LowCardinality(String),
    region LowCardinality(String),
    city LowCardinality(String),
    device LowCardinality(String),
    os LowCardinality(String),
    browser LowCardinality(String),
    is_bot Bool,
    user_agent LowCardinality(String),
    enrich_version UInt16,
    props Map(LowCardinality(String), String),
    props_num Map(LowCardinality(String), Float64),
    _writer UInt16,
    _seq UInt64,
    _partition UInt16,
    _offset UInt64,
    _row UInt32,
    INDEX seq (_writer, _seq) TYPE minmax GRANULARITY 1,
    INDEX client client_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX user user_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (tenant, toStartOfHour(ts), type, client_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    min_bytes_for_wide_part = 134217728, merge_selector_base = 12, min_parts_to_merge_at_once = 10;
