package query

// noneTables are the relations of metadata of which no tenant has any row, so that tools which read them go on: indices to skip data by, and the keys
// and constraints of relations.
func noneTables() []*metaRelation {
	return []*metaRelation{
		{database: "system", table: "data_skipping_indices", columns: metaColumns(`database String
			table String
			name String
			type String
			type_full String
			expr String
			creation Enum8('Explicit'=0,'Implicit'=1)
			granularity UInt64
			data_compressed_bytes UInt64
			data_uncompressed_bytes UInt64
			marks_bytes UInt64`), rows: noRows},
		{database: "information_schema", table: "key_column_usage", columns: twice(metaColumns(`constraint_catalog String
			constraint_schema String
			constraint_name Nullable(String)
			table_catalog String
			table_schema String
			table_name String
			column_name Nullable(String)
			ordinal_position UInt32
			position_in_unique_constraint Nullable(UInt32)
			referenced_table_schema Nullable(String)
			referenced_table_name Nullable(String)
			referenced_column_name Nullable(String)`)), rows: noRows},
		{database: "information_schema", table: "referential_constraints", columns: twice(metaColumns(`constraint_catalog String
			constraint_schema String
			constraint_name Nullable(String)
			unique_constraint_catalog String
			unique_constraint_schema String
			unique_constraint_name Nullable(String)
			match_option String
			update_rule String
			delete_rule String
			table_name String
			referenced_table_name String`)), rows: noRows},
	}
}

func noRows(*view) [][]string { return nil }
