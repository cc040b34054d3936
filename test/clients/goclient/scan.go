package main

import (
	"reflect"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// newOf makes something that a value of the column can be read into.
func newOf(c driver.ColumnType) any { return reflect.New(c.ScanType()).Interface() }
