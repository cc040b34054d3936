package chport

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"weir/internal/problem"
	"weir/internal/query"
)

// protocol are parameters of the protocol that are no settings. Those that mean something here are read by request; the
// rest are accepted and mean nothing: there are no sessions, no quotas by key and one set of rights.
var protocol = fields("query query_id database default_format user password client_protocol_version compress decompress" +
	" session_id session_timeout session_check close_session quota_key role wait_end_of_query buffer_size stacktrace" +
	" network_compression_method enable_http_compression http_zlib_compression_level network_zstd_compression_level")

// shape are settings that change the form of an answer or what functions return, never what may be read or used. They are passed on.
var shape = fields("date_time_output_format session_timezone join_use_nulls union_default_mode intersect_default_mode except_default_mode group_by_use_nulls" +
	" aggregate_functions_null_for_empty empty_result_for_aggregation_by_empty_set cast_keep_nullable transform_null_in extremes totals_mode limit offset" +
	" decimal_check_overflow date_time_overflow_behavior result_overflow_mode format_csv_delimiter format_csv_allow_double_quotes format_binary_max_string_size" +
	" format_tsv_null_representation format_csv_null_representation bool_true_representation bool_false_representation any_join_distinct_right_table_keys" +
	" join_default_strictness prefer_column_name_to_alias enable_extended_results_for_datetime_functions describe_compact_output")

// ignored are settings that mean nothing here: how rows are read in, how the network and a cluster are used, how the engine goes
// about its work. Prefixes end with a star.
var ignored = fields("readonly cancel_http_readonly_queries_on_client_close date_time_input_format cast_string_to_dynamic_use_inference" +
	" select_sequential_consistency input_format_* insert_* async_insert* wait_for_async_insert* http_* send_* receive_* network_* connect_* tcp_* log_* optimize_*" +
	" max_insert_* min_insert_* max_block_size preferred_block_size_bytes max_download_threads priority load_balancing distributed_* prefer_localhost_replica" +
	" skip_unavailable_shards max_parallel_replicas parallel_* enable_parallel_replicas allow_experimental_parallel_* poll_interval idle_connection_timeout" +
	" enable_analyzer allow_experimental_analyzer allow_experimental_* allow_suspicious_* enable_json_type compile_* min_count_to_compile_*" +
	" use_query_cache query_cache_* use_uncompressed_cache use_skip_indexes* enable_optimize_* max_http_get_redirects format_schema_source" +
	" mutations_sync alter_sync lightweight_deletes_sync replication_* final_* max_bytes_before_external_* max_bytes_ratio_before_external_* max_query_size" +
	" max_ast_* max_expanded_ast_elements timeout_before_checking_execution_speed *_overflow_mode s3_* output_format_parallel_formatting apply_* memory_* enable_lightweight_*" +
	" interactive_delay describe_extend_object_types describe_include_subcolumns describe_include_virtual_columns max_network_* max_concurrent_queries_for_* max_execution_speed* min_execution_speed* enable_time_time64_type")

// notShape are settings with the prefix of forms that reach beyond the answer.
var notShape = fields("output_format_schema output_format_parallel_formatting output_format_enable_streaming output_format_json_quote_denormals_file")

func fields(list string) []string { return strings.Fields(list) }

// settingList are the names of the engine's settings, which a test compares with the engine.
//
//go:embed settings.txt
var settingList string

var known = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(settingList) {
		m[name] = true
	}
	return m
})

func listed(list []string, name string) bool {
	for _, p := range list {
		switch {
		case p == name:
			return true
		case strings.HasSuffix(p, "*") && strings.HasPrefix(name, p[:len(p)-1]):
			return true
		case strings.HasPrefix(p, "*") && strings.HasSuffix(name, p[1:]):
			return true
		}
	}
	return false
}

// setting takes one setting into settings, or says why not.
func (q *request) setting(name, value string) *exception {
	switch {
	case listed(protocol, name):
		return nil
	case name == "send_progress_in_http_headers":
		q.progress = on(value)
		return nil
	case len(value) > 1024:
		return exceptionf(codeBadArguments, "the value of the setting %s has %d bytes, at most 1024 are allowed", cutText(name, 64), len(value))
	case listed(shape, name), strings.HasPrefix(name, "output_format_") && known()[name] && !listed(notShape, name), query.Lowerable(name):
		if e := checkValue(name, value); e != nil {
			return e
		}
		if query.Lowerable(name) {
			number, ok := query.LimitValue(name, value)
			if !ok {
				return exceptionf(codeBadArguments, "the value %q of the setting %s is no limit; it is a number not below 0, such as 1000%s", cutText(value, 64), name, alike(name))
			}
			value = number
		}
		q.settings[name] = value
		return nil
	case listed(ignored, name) && (known()[name] || name == "readonly"), listed(ignored, name) && strings.HasPrefix(name, "http_"):
		return nil
	case known()[name]:
		return exceptionf(codeConstraint, "the setting %s cannot be changed on this server; leave it out", name)
	}
	text := fmt.Sprintf("Setting %s is neither a builtin setting nor started with the prefix 'SQL_' registered for user-defined settings", cutText(name, 80))
	if near := nearSetting(name); near != "" {
		text += ": maybe you meant " + near
	}
	return exceptionf(codeUnknownSetting, "%s", text)
}

// alike are other ways to write the value of a limit.
func alike(name string) string {
	switch name {
	case "max_execution_time":
		return " or 0.5 (seconds)"
	case "max_threads":
		return " or auto"
	}
	return ", 10M or 1Gi"
}

// checkValue refuses values that would make trouble of another kind than a clear error of the engine.
func checkValue(name, value string) *exception {
	switch name {
	case "result_overflow_mode":
		if value != "throw" && value != "break" {
			return exceptionf(codeBadArguments, "result_overflow_mode is throw or break, not %q", value)
		}
	case "session_timezone":
		if value != "" && !zoneName(value) {
			return exceptionf(codeBadArguments, "%q is not the name of a time zone", value)
		}
	}
	for i := range len(value) {
		if value[i] < ' ' && value[i] != '\t' && value[i] != '\n' && value[i] != '\r' {
			return exceptionf(codeBadArguments, "the value of the setting %s has a control character", name)
		}
	}
	return nil
}

func zoneName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/_+-", c) >= 0) {
			return false
		}
	}
	return len(s) < 64
}

// nearSetting finds the known setting that a misspelled name is likely to mean.
func nearSetting(name string) string {
	best, dist := "", 4
	if len(name) > 64 {
		return ""
	}
	for k := range known() {
		if len(k)-len(name) > 3 || len(name)-len(k) > 3 {
			continue
		}
		if d := problem.Edits(name, k); d < dist || d == dist && best != "" && k < best {
			best, dist = k, d
		}
	}
	return best
}
