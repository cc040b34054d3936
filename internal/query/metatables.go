package query

import (
	"strconv"
	"strings"
)

// systemTables are the relations of the database system.
func systemTables() []*metaRelation {
	return []*metaRelation{
		{database: "system", table: "databases", columns: metaColumns(`name String
			engine String = 'Atomic'
			data_path String = ''
			metadata_path String = ''
			uuid UUID = '00000000-0000-0000-0000-000000000000'
			engine_full String = 'Atomic'
			comment String = ''
			is_external UInt8 = 0`),
			rows: func(v *view) [][]string { return [][]string{{literal(v.database())}} }},
		{database: "system", table: "tables", columns: metaColumns(`database String
			name String
			create_table_query String
			uuid UUID = '00000000-0000-0000-0000-000000000000'
			engine String = 'View'
			is_temporary UInt8 = 0
			data_paths Array(String) = []
			metadata_path String = ''
			metadata_modification_time DateTime = 0
			dependencies_database Array(String) = []
			dependencies_table Array(String) = []
			engine_full String = 'View'
			as_select String = ''
			partition_key String = ''
			sorting_key String = ''
			primary_key String = ''
			sampling_key String = ''
			storage_policy String = ''
			total_rows Nullable(UInt64)
			total_bytes Nullable(UInt64)
			total_bytes_uncompressed Nullable(UInt64) = NULL
			parts Nullable(UInt64) = NULL
			active_parts Nullable(UInt64) = NULL
			total_marks Nullable(UInt64) = NULL
			lifetime_rows Nullable(UInt64) = NULL
			lifetime_bytes Nullable(UInt64) = NULL
			comment String
			has_own_data UInt8 = 0
			loading_dependencies_database Array(String) = []
			loading_dependencies_table Array(String) = []
			loading_dependent_database Array(String) = []
			loading_dependent_table Array(String) = []`),
			rows: func(v *view) [][]string {
				var rows [][]string
				for _, t := range v.tables() {
					count, bytes := t.sizes()
					rows = append(rows, []string{literal(v.database()), literal(t.name), literal(v.createTable(t)), count, bytes, literal(t.comment)})
				}
				return rows
			}},
		{database: "system", table: "columns", columns: metaColumns(`database String
			table String
			name String
			type String
			position UInt64
			default_kind String = ''
			default_expression String = ''
			data_compressed_bytes UInt64 = 0
			data_uncompressed_bytes UInt64 = 0
			marks_bytes UInt64 = 0
			comment String = ''
			is_in_partition_key UInt8 = 0
			is_in_sorting_key UInt8 = 0
			is_in_primary_key UInt8 = 0
			is_in_sampling_key UInt8 = 0
			compression_codec String = ''
			character_octet_length Nullable(UInt64) = NULL
			numeric_precision Nullable(UInt64) = NULL
			numeric_precision_radix Nullable(UInt64) = NULL
			numeric_scale Nullable(UInt64) = NULL
			datetime_precision Nullable(UInt64) = NULL`),
			rows: func(v *view) [][]string {
				var rows [][]string
				for _, t := range v.tables() {
					for i, c := range t.columns {
						rows = append(rows, []string{literal(v.database()), literal(t.name), literal(c.name), literal(c.typ), strconv.Itoa(i + 1)})
					}
				}
				return rows
			}},
		{database: "system", table: "settings", columns: metaColumns(`name String
			value String
			default String
			changed UInt8 = 0
			description String = ''
			min Nullable(String) = NULL
			max Nullable(String) = NULL
			disallowed_values Array(String) = []
			readonly UInt8
			type String
			alias_for String = ''
			is_obsolete UInt8 = 0
			tier String = 'Production'`),
			rows: func(*view) [][]string { return settingRows }},
		{database: "system", table: "functions", columns: metaColumns(`name String
			is_aggregate UInt8
			is_deterministic Nullable(UInt8) = NULL
			case_insensitive UInt8 = 0
			alias_to String = ''
			create_query String = ''
			origin String = 'System'
			description String = ''
			syntax String = ''
			arguments String = ''
			returned_value String = ''
			examples String = ''
			introduced_in String = ''
			categories String = ''`),
			rows: func(*view) [][]string { return functionRows() }},
		{database: "system", table: "data_type_families", columns: metaColumns(`name String
			case_insensitive UInt8
			alias_to String`),
			rows: func(*view) [][]string { return typeRows() }},
		{database: "system", table: "formats", columns: metaColumns(`name String
			is_input UInt8 = 0
			is_output UInt8 = 1
			supports_parallel_parsing UInt8 = 0
			supports_parallel_formatting UInt8 = 0
			is_tty_friendly UInt8 = 1
			content_type String`),
			rows: func(*view) [][]string { return formatRows() }},
		{database: "system", table: "table_engines", columns: metaColumns(`name String = 'View'
			supports_settings UInt8 = 0
			supports_skipping_indices UInt8 = 0
			supports_projections UInt8 = 0
			supports_sort_order UInt8 = 0
			supports_ttl UInt8 = 0
			supports_replication UInt8 = 0
			supports_deduplication UInt8 = 0
			supports_parallel_insert UInt8 = 0`)},
		{database: "system", table: "one", columns: metaColumns("dummy UInt8 = 0")},
		{database: "system", table: "numbers", columns: metaColumns("number UInt64"), sql: "SELECT number FROM system.numbers"},
	}
}

// schemaTables are the relations of information_schema.
func schemaTables() []*metaRelation {
	return []*metaRelation{
		{database: "information_schema", table: "schemata", columns: twice(metaColumns(`catalog_name String
			schema_name String
			schema_owner String = 'default'
			default_character_set_catalog Nullable(String) = NULL
			default_character_set_schema Nullable(String) = NULL
			default_character_set_name Nullable(String) = NULL
			sql_path Nullable(String) = NULL`)),
			rows: func(v *view) [][]string { return [][]string{{literal(v.database()), literal(v.database())}} }},
		{database: "information_schema", table: "tables", columns: twice(metaColumns(`table_catalog String
			table_schema String
			table_name String
			table_type String = 'VIEW'
			table_rows Nullable(UInt64)
			data_length Nullable(UInt64)
			index_length Nullable(UInt64) = NULL
			table_collation Nullable(String) = NULL
			table_comment Nullable(String) = ''`)),
			rows: func(v *view) [][]string {
				var rows [][]string
				for _, t := range v.tables() {
					count, bytes := t.sizes()
					rows = append(rows, []string{literal(v.database()), literal(v.database()), literal(t.name), count, bytes})
				}
				return rows
			}},
		{database: "information_schema", table: "columns", columns: twice(metaColumns(`table_catalog String
			table_schema String
			column_name String
			data_type String
			ordinal_position UInt64
			is_nullable UInt8
			table_name String
			column_default String = ''
			character_maximum_length Nullable(UInt64) = NULL
			character_octet_length Nullable(UInt64) = NULL
			numeric_precision Nullable(UInt64) = NULL
			numeric_precision_radix Nullable(UInt64) = NULL
			numeric_scale Nullable(UInt64) = NULL
			datetime_precision Nullable(UInt64) = NULL
			character_set_catalog Nullable(String) = NULL
			character_set_schema Nullable(String) = NULL
			character_set_name Nullable(String) = NULL
			collation_catalog Nullable(String) = NULL
			collation_schema Nullable(String) = NULL
			collation_name Nullable(String) = NULL
			domain_catalog Nullable(String) = NULL
			domain_schema Nullable(String) = NULL
			domain_name Nullable(String) = NULL
			extra Nullable(String) = NULL
			column_comment String = ''
			column_type String = ` + "\x01")), // \x01: that of data_type
			rows: func(v *view) [][]string {
				var rows [][]string
				for _, t := range v.tables() {
					for i, c := range t.columns {
						nullable := "0"
						if strings.HasPrefix(c.typ, "Nullable(") {
							nullable = "1"
						}
						db := literal(v.database())
						rows = append(rows, []string{db, db, literal(c.name), literal(c.typ), strconv.Itoa(i + 1), nullable, literal(t.name)})
					}
				}
				return rows
			}},
	}
}
