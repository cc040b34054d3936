ALTER TABLE weir.events
    ADD COLUMN IF NOT EXISTS channel LowCardinality(String) AFTER referrer_host,
    ADD COLUMN IF NOT EXISTS utm_term LowCardinality(String) AFTER utm_campaign,
    ADD COLUMN IF NOT EXISTS utm_content LowCardinality(String) AFTER utm_term,
    ADD COLUMN IF NOT EXISTS bot_rule LowCardinality(String) AFTER is_bot,
    ADD COLUMN IF NOT EXISTS bot_score UInt8 AFTER bot_rule,
    ADD COLUMN IF NOT EXISTS net String AFTER user_agent,
    ADD COLUMN IF NOT EXISTS client_ts DateTime64(3, 'UTC') DEFAULT ts AFTER net;
