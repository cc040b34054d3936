package clickhouse

import "strings"

// EscapeParam writes a text as the engine reads the value of a String parameter: like a field of TabSeparated.
func EscapeParam(s string) string { return paramEscaper.Replace(s) }

var paramEscaper = strings.NewReplacer("\\", "\\\\", "\t", "\\t", "\n", "\\n", "\r", "\\r", "\x00", "\\0", "\b", "\\b", "\f", "\\f")

// ArrayParam writes texts as the engine reads the value of an Array(String) parameter: quoted, and else as they stand.
func ArrayParam(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = "'" + quoteEscaper.Replace(v) + "'"
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

var quoteEscaper = strings.NewReplacer("\\", "\\\\", "'", "\\'")

// NiceSetting is the setting of a statement whose threads shall yield to others: their nice value, 0 to 19. Without the right to change priorities (CAP_SYS_NICE) it does nothing.
const NiceSetting = "os_threads_nice_value_query"

// OneBlockSettings are the settings under which every row of one INSERT
// reaches its table as one block, so that the insert makes exactly one part per table
// partition, whatever framing its body has, and a body that is cut off leaves nothing.
// They hold for bodies of up to maxRows rows and maxBytes bytes in memory; beyond, a
// second block begins. The result may be changed by the caller.
func OneBlockSettings() map[string]string {
	return map[string]string{
		"min_insert_block_size_rows":      oneBlockRows, // squash up to this before a part is written
		"min_insert_block_size_bytes":     oneBlockBytes,
		"max_insert_block_size":           oneBlockRows, // rows of one block as read from the body
		"max_insert_threads":              "1",
		"input_format_parallel_parsing":   "0",
		"async_insert":                    "0",
		"max_partitions_per_insert_block": "0", // whoever inserts bounds the days: a refusal would be tried again for ever
	}
}

const (
	oneBlockRows  = "1048576"
	oneBlockBytes = "1073741824"
)
