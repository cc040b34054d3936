-- A crash between the new types and the mutation that follows leaves parts with the old types: they are converted when they are read, and when they merge.
ALTER TABLE weir.events
    MODIFY COLUMN props Map(String, String),
    MODIFY COLUMN props_num Map(String, Float64)
    SETTINGS alter_sync = 0;
ALTER TABLE weir.events
    MODIFY SETTING vertical_merge_algorithm_min_bytes_to_activate = 536870912, merge_max_block_size = 65536;
