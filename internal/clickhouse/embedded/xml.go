package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// Names of the access rules in users.xml.
const (
	roleTrusted  = "trusted"  // weir itself
	roleTenant   = "tenant"   // tenant text
	roleOperator = "operator" // an operator's text, across tenants
)

// operator stands for an operator where a tenant's name is expected; no tenant can be called so. operatorUser is its user and database.
const (
	operator     = "*"
	operatorUser = "o_operator"
)

// TenantDatabase returns the database whose name says whose rows tenant text may see.
func TenantDatabase(tenant string) string { return tenantPrefix + tenant }

const tenantPrefix = "t_"

// serverConfig is config.xml. No listeners and no system log tables: neither
// is configured, so neither exists. The pools and caches are for a small machine; the
// fsync rules make every acknowledged insert durable, and every merge before its sources go.
var serverConfig = template.Must(template.New("config").Parse(`<clickhouse>
  <users_config>{{.Users}}</users_config>
  <max_server_memory_usage>{{.MemoryLimit}}</max_server_memory_usage>
  <max_server_memory_usage_to_ram_ratio>0.95</max_server_memory_usage_to_ram_ratio>
  <memory_worker_period_ms>200</memory_worker_period_ms>

  <mark_cache_size>134217728</mark_cache_size>
  <primary_index_cache_size>67108864</primary_index_cache_size>
  <index_mark_cache_size>33554432</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
  <query_condition_cache_size>16777216</query_condition_cache_size>
  <vector_similarity_index_cache_size>0</vector_similarity_index_cache_size>
  <text_index_tokens_cache_size>0</text_index_tokens_cache_size>
  <text_index_header_cache_size>0</text_index_header_cache_size>
  <text_index_postings_cache_size>0</text_index_postings_cache_size>
  <iceberg_metadata_files_cache_size>16777216</iceberg_metadata_files_cache_size>
  <parquet_metadata_cache_size>16777216</parquet_metadata_cache_size>
  <mmap_cache_size>64</mmap_cache_size>

  <background_pool_size>{{.MergePool}}</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <background_buffer_flush_schedule_pool_size>1</background_buffer_flush_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
  <tables_loader_foreground_pool_size>2</tables_loader_foreground_pool_size>
  <tables_loader_background_pool_size>2</tables_loader_background_pool_size>
  <max_thread_pool_free_size>16</max_thread_pool_free_size>
  <max_io_thread_pool_free_size>0</max_io_thread_pool_free_size>
  <database_atomic_delay_before_drop_table_sec>5</database_atomic_delay_before_drop_table_sec>

  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
    <min_compressed_bytes_to_fsync_after_merge>1</min_compressed_bytes_to_fsync_after_merge>
    <old_parts_lifetime>60</old_parts_lifetime>
    <max_cleanup_delay_period>30</max_cleanup_delay_period>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    <max_suspicious_broken_parts>1000</max_suspicious_broken_parts>
  </merge_tree>
</clickhouse>
`))

// usersConfig is users.xml. The library knows one user, default. It has no
// grant of its own, only the two roles. A session of weir keeps both. A session for
// tenant text drops the role trusted, and has left: SELECT on the listed tables, and of these
// the rows of the tenant that the session's database is named after; of the
// system database the constant tables. A session for an operator's text has the role operator alone: SELECT on
// the listed tables, all rows of them, and nothing else. The policies of a database as a whole and of a
// table in it add up, and the former is the constant 0 without the role trusted.
var usersConfig = template.Must(template.New("users").Parse(`<clickhouse>
  <profiles><default></default></profiles>
  <quotas><default></default></quotas>
  <roles>
    <{{.Trusted}}><grants><query>GRANT ALL ON *.*</query></grants></{{.Trusted}}>
    <{{.Tenant}}><grants>{{range .Tables}}
      <query>GRANT SELECT ON {{$.Database}}.{{.}}</query>{{end}}
    </grants></{{.Tenant}}>
    <{{.Operator}}><grants>{{range .Tables}}
      <query>GRANT SELECT ON {{$.Database}}.{{.}}</query>{{end}}
    </grants></{{.Operator}}>
  </roles>
  <users><default>
    <no_password/>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants>
      <query>GRANT {{.Trusted}}</query>
      <query>GRANT {{.Tenant}}</query>
      <query>GRANT {{.Operator}}</query>
    </grants>
    <databases>
      <database name="{{.Database}}">
        <table name=""><filter>hasAny(currentRoles(), ['{{.Trusted}}', '{{.Operator}}'])</filter></table>{{range .Tables}}
        <table name="{{.}}"><filter>tenant = substring(currentDatabase(), 3)</filter></table>{{end}}
      </database>
      <database name="system">
        <table name=""><filter>has(currentRoles(), '{{.Trusted}}')</filter></table>
        <table name="one"><filter>1</filter></table>
        <table name="numbers"><filter>1</filter></table>
        <table name="zeros"><filter>1</filter></table>
      </database>
    </databases>
  </default></users>
</clickhouse>
`))

// writeFiles generates the engine's configuration and returns the path of config.xml.
func (c EngineConfig) writeFiles(mergePool int) (string, error) {
	users, config := filepath.Join(c.DataDir, "users.xml"), filepath.Join(c.DataDir, "config.xml")
	var b strings.Builder
	if err := usersConfig.Execute(&b, map[string]any{"Trusted": roleTrusted, "Tenant": roleTenant, "Operator": roleOperator, "Tables": c.TenantTables, "Database": c.Database}); err != nil {
		return "", fmt.Errorf("engine: users.xml: %w", err)
	}
	if err := os.WriteFile(users, []byte(b.String()), 0o600); err != nil {
		return "", fmt.Errorf("engine: %w", err)
	}
	b.Reset()
	if err := serverConfig.Execute(&b, map[string]any{"Users": xmlText(users), "MemoryLimit": c.MemoryLimit, "MergePool": mergePool}); err != nil {
		return "", fmt.Errorf("engine: config.xml: %w", err)
	}
	if err := os.WriteFile(config, []byte(b.String()), 0o600); err != nil {
		return "", fmt.Errorf("engine: %w", err)
	}
	return config, nil
}

var xmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func xmlText(s string) string { return xmlEscaper.Replace(s) }
