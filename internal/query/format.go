package query

import "strings"

// format is one of the forms in which an answer can be had.
type format struct {
	name        string // as the engine calls it
	contentType string
}

// formats are all that is offered. JSON is the only one that carries as_of and cost in its body.
var formats = []format{
	{"JSON", "application/json"},
	{"JSONCompact", "application/json"},
	{"JSONEachRow", "application/x-ndjson"},
	{"CSV", "text/csv; charset=utf-8; header=absent"},
	{"CSVWithNames", "text/csv; charset=utf-8; header=present"},
	{"TSV", "text/tab-separated-values; charset=utf-8"},
	{"TSVWithNames", "text/tab-separated-values; charset=utf-8"},
	{"TSVWithNamesAndTypes", "text/tab-separated-values; charset=utf-8"},
	{"TabSeparated", "text/tab-separated-values; charset=utf-8"},
	{"TabSeparatedWithNames", "text/tab-separated-values; charset=utf-8"},
	{"TabSeparatedWithNamesAndTypes", "text/tab-separated-values; charset=utf-8"},
	{"Parquet", "application/vnd.apache.parquet"},
	{"ArrowStream", "application/vnd.apache.arrow.stream"},
}

// enveloped says whether as_of and cost are part of the body.
func (f format) enveloped() bool { return f.name == "JSON" || f.name == "JSONCompact" }

// formatByName finds a format; case does not count.
func formatByName(name string) (format, bool) {
	for _, f := range formats {
		if strings.EqualFold(f.name, name) {
			return f, true
		}
	}
	return format{}, false
}

func formatSeq(yield func(string) bool) {
	for _, f := range formats {
		if !yield(f.name) {
			return
		}
	}
}

func formatNames() string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}
