package query

import (
	"fmt"
	"slices"
	"strings"

	"weir/internal/problem"
)

// anyFormats are the formats that only Question.AnyFormat allows: those of drivers, and those for people at a terminal. What reads
// files (Template, CapnProto, Protobuf) or writes what is not a table (RawBLOB) is not among them.
var anyFormats = slices.Concat(
	like("text/tab-separated-values; charset=UTF-8",
		"TabSeparatedRaw TSVRaw Raw TabSeparatedRawWithNames TabSeparatedRawWithNamesAndTypes TSVRawWithNames TSVRawWithNamesAndTypes TSKV"),
	like("text/plain; charset=UTF-8",
		"Pretty PrettyNoEscapes PrettyMonoBlock PrettyCompact PrettyCompactNoEscapes PrettyCompactMonoBlock PrettySpace"+
			" PrettySpaceNoEscapes PrettySpaceMonoBlock Vertical Markdown Null Values SQLInsert LineAsString"),
	like("application/json; charset=UTF-8", "JSONStrings JSONCompactStrings JSONColumns JSONCompactColumns JSONColumnsWithMetadata JSONObjectEachRow"),
	like("application/x-ndjson; charset=UTF-8", "JSONLines NDJSON JSONStringsEachRow PrettyJSONEachRow JSONEachRowWithProgress"+
		" JSONCompactEachRow JSONCompactEachRowWithNames JSONCompactEachRowWithNamesAndTypes JSONCompactStringsEachRow"+
		" JSONCompactStringsEachRowWithNames JSONCompactStringsEachRowWithNamesAndTypes"),
	like("application/octet-stream", "Native RowBinary RowBinaryWithNames RowBinaryWithNamesAndTypes Arrow ORC Avro MsgPack BSONEachRow"),
	like("text/csv; charset=UTF-8; header=present", "CSVWithNamesAndTypes"),
	like("application/xml; charset=UTF-8", "XML"),
)

func like(contentType, names string) []format {
	var out []format
	for _, n := range strings.Fields(names) {
		out = append(out, format{n, contentType})
	}
	return out
}

// pickAnyFormat is pickFormat for a question that may have any format.
func pickAnyFormat(asked, stated string) (format, *problem.Problem) {
	name := asked
	if name == "" {
		name = stated
	}
	for _, f := range anyFormats {
		if strings.EqualFold(f.name, name) {
			return f, nil
		}
	}
	f, p := pickFormat(asked, stated)
	if p != nil {
		p.Detail = fmt.Sprintf("format %q is not offered", name)
		if n := nearest(name, func(yield func(string) bool) {
			for _, f := range append(anyFormats, formats...) {
				if !yield(f.name) {
					return
				}
			}
		}); n != "" {
			p.Detail += "; did you mean " + n + "?"
		}
	}
	return f, p
}

// pickFormat takes the format of the answer to q; stated is the statement's own.
func (q *Question) pickFormat(stated string) (format, *problem.Problem) {
	if q.AnyFormat {
		return pickAnyFormat(q.Format, stated)
	}
	return pickFormat(q.Format, stated)
}

// ContentType returns the media type of a format that an Answer has.
func ContentType(name string) string {
	f, p := pickAnyFormat(name, "")
	if p != nil {
		return "application/octet-stream"
	}
	return f.contentType
}
