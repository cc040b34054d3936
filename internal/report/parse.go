package report

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/config"
	"weir/internal/problem"
)

// ask is a question as a caller writes it.
type ask struct {
	Metric, GroupBy, Filter []string
	From, To                string
	Interval, Compare       string
	Limit, Offset           int
	Segment, Goal           string
	Bots                    string
	NoTotals                bool
}

// The bounds of a question.
const (
	defaultRange = 7 * 24 * time.Hour
	defaultLimit = 1000
	maxLimit     = 10_000
	maxDims      = 8
	maxOffset    = 100_000
	maxFilters   = 32
	maxValues    = 1000
	maxName      = 256 // bytes of a property's name
)

func invalid(field, format string, args ...any) *problem.Problem {
	return problem.Invalid(field, format, args...)
}

// number reads a number of a URL, from least to most, which is the limit of that name; nothing is 0.
func number(field, s string, least, most int, limit string) (int, *problem.Problem) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, invalid(field, "%s is %q, it must be a number between %d and %d", field, clip(s), least, most).WithLimit(limit, int64(most))
	}
	return n, nil
}

// atLeastOne reads a number of a body; it is 0 where it was left out. One that is there is at least 1: a 0 would be answered as if it were not.
func atLeastOne(field string, n *int, most int, limit string) (int, *problem.Problem) {
	if n == nil {
		return 0, nil
	}
	if *n < 1 || *n > most {
		return 0, invalid(field, "%s is %d, it must be between 1 and %d", field, *n, most).WithLimit(limit, int64(most))
	}
	return *n, nil
}

// question checks what was asked about a source.
func (a ask) question(src catalog.Source, now time.Time, zone func(string) (*time.Location, error)) (Question, *problem.Problem) {
	q := Question{Tenant: string(src.Tenant), Site: src.SiteID, FirstDay: src.FirstDay, Limit: a.Limit, Interval: a.Interval}
	loc, err := zone(src.TimeZone) // "" is UTC
	if err != nil {
		return q, problem.New(http.StatusUnprocessableEntity, "bad_time_zone", "the engine does not know the source's time zone %q: change it, PATCH the source with another time_zone", src.TimeZone)
	}
	q.Location = loc
	if q.FirstDay < 1 || q.FirstDay > 7 {
		q.FirstDay = 1
	}
	if q.Limit == 0 {
		q.Limit = defaultLimit
	}
	if q.Limit < 1 || q.Limit > maxLimit {
		return q, invalid("limit", "limit is %d, it must be between 1 and %d", a.Limit, maxLimit).WithLimit("report.limit", maxLimit)
	}
	if a.Offset < 0 || a.Offset > maxOffset {
		return q, invalid("offset", "offset is %d, it must be between 0 and %d; filters reach what lies behind", a.Offset, maxOffset).WithLimit("report.offset", maxOffset)
	}
	q.Offset = a.Offset
	if a.Compare != "" && a.Compare != "previous" {
		return q, invalid("compare", "compare is %q, it can only be previous", a.Compare)
	}
	for _, step := range []func(*Question) *problem.Problem{a.metrics, a.dims, a.filters, func(q *Question) *problem.Problem { return a.times(q, now) }} {
		if p := step(&q); p != nil {
			return q, p
		}
	}
	var p *problem.Problem
	if q.Bots, p = botsOf(a.Bots, q.GroupBy, q.Filters); p != nil {
		return q, p
	}
	if q.Offset > 0 && len(q.GroupBy) == 0 {
		return q, invalid("offset", "offset leaves out groups; name their columns in group_by")
	}
	return q, q.checkSessions()
}

func (a ask) metrics(q *Question) *problem.Problem {
	q.Metrics = unique(a.Metric)
	if len(q.Metrics) == 0 {
		q.Metrics = []string{Events}
	}
	for _, m := range q.Metrics {
		if !slices.Contains(allMetrics, m) {
			return invalid("metric", "there is no metric %q%s; the metrics are %s", m, didYouMean(m, allMetrics), strings.Join(allMetrics, ", "))
		}
	}
	return nil
}

func (a ask) dims(q *Question) *problem.Problem {
	for _, name := range uniqueNames(a.GroupBy) {
		d, p := dimOf("group_by", name)
		if p != nil {
			return p
		}
		q.GroupBy = append(q.GroupBy, d)
	}
	if len(q.GroupBy) > maxDims {
		return invalid("group_by", "group_by names %d columns, at most %d are allowed", len(q.GroupBy), maxDims).WithLimit("report.group_by", maxDims)
	}
	return nil
}

// alsoCalled are columns by names that others give them and that are not like theirs.
var alsoCalled = map[string]string{"source": "utm_source, referrer_host or channel", "medium": "utm_medium", "campaign": "utm_campaign", "entry_url": "entry_path", "exit_url": "exit_path", "entry_page": "entry_path", "exit_page": "exit_path",
	"page": "path", "pathname": "path", "hostname": "host", "event": "type", "name": "type", "screen": "device"}

func dimOf(field, name string) (Dim, *problem.Problem) {
	if prop, ok := strings.CutPrefix(name, propPrefix); ok {
		if prop == "" || len(prop) > maxName || !utf8.ValidString(prop) || strings.ContainsRune(prop, 0) {
			return Dim{}, invalid(field, "%s needs a property's name of 1 to %d bytes behind it", propPrefix, maxName)
		}
		return Dim{Prop: prop}, nil
	}
	if slices.Contains(textColumns, name) || slices.Contains(sessionDims, name) {
		return Dim{Column: name}, nil
	}
	switch name {
	case "":
		return Dim{}, invalid(field, "%s names no column; write one of events, such as country, or a property, %s<name>", field, propPrefix)
	case "ts", "received_at", "time":
		return Dim{}, invalid(field, "%s cannot be used here; use interval, from and to", name)
	case "props", "props_num":
		return Dim{}, invalid(field, "%s is a set of properties; name one: props.<name>", name)
	}
	name = clip(name)
	if likely, ok := alsoCalled[name]; ok {
		return Dim{}, invalid(field, "there is no column %q, did you mean %s? a property of that name is written %s%s", name, likely, propPrefix, name)
	}
	if strings.Contains(name, ",") {
		return Dim{}, invalid(field, "%q is several columns, and %s takes one each time it is said", name, field)
	}
	return Dim{}, invalid(field, "there is no column %q%s; a property of that name is written %s%s", name, didYouMean(name, append(slices.Clone(textColumns), sessionDims...)), propPrefix, name)
}

// filters reads filters of the form [!]column:value|value, or [!]column:~text for "contains". A backslash takes the meaning from the byte behind it: in values
// from |, \, and a leading ! or ~; in the name of a property from : and \, before others it stands for itself.
func (a ask) filters(q *Question) *problem.Problem {
	if len(a.Filter) > maxFilters {
		return invalid("filter", "there are %d filters, at most %d are allowed", len(a.Filter), maxFilters).WithLimit("report.filters", maxFilters)
	}
	for _, text := range a.Filter {
		f, p := parseFilter(text)
		if p != nil {
			return p
		}
		q.Filters = append(q.Filters, f)
	}
	return nil
}

func parseFilter(text string) (Filter, *problem.Problem) {
	var f Filter
	said := text
	text, f.Not = strings.CutPrefix(text, "!")
	name, values, ok := cutName(text)
	if !ok {
		return f, invalid("filter", "the filter %q has no value; write column:value, for example country:DE", clip(said))
	}
	if bare, not := strings.CutSuffix(name, "!"); not && bare != "" && !strings.HasPrefix(bare, propPrefix) {
		return f, invalid("filter", "the filter %q says what is not wanted behind the column; write !%s:value, for example !country:DE", clip(said), bare)
	}
	if name == "" {
		return f, invalid("filter", "the filter %q names no column before its colon; write column:value, for example country:DE", clip(text))
	}
	if name == cohortFilter {
		return parseCohort(values, f.Not)
	}
	var p *problem.Problem
	if f.Dim, p = dimOf("filter", name); p != nil {
		return f, p
	}
	if !utf8.ValidString(values) || strings.ContainsRune(values, 0) {
		return f, invalid("filter", "the filter on %s is not valid text", name)
	}
	if rest, not := strings.CutPrefix(values, "!"); not && !f.Not {
		values, f.Not = rest, true
	}
	values, f.Contains = strings.CutPrefix(values, "~")
	f.Values = splitValues(values)
	if len(f.Values) > maxValues {
		return f, invalid("filter", "the filter on %s has %d values, at most %d are allowed", name, len(f.Values), maxValues).WithLimit("report.filter_values", maxValues)
	}
	if f.Contains && slices.Contains(f.Values, "") {
		return f, invalid("filter", "the filter on %s looks for an empty text, which everything contains", name)
	}
	if f.Dim.Column == "is_bot" {
		return f, botValues(&f)
	}
	return f, nil
}

// botValues writes the values of a filter on is_bot as the engine does.
func botValues(f *Filter) *problem.Problem {
	for i, v := range f.Values {
		b, err := strconv.ParseBool(v)
		if err != nil || f.Contains {
			return invalid("filter", "is_bot is true or false, not %q", v)
		}
		f.Values[i] = strconv.FormatBool(b)
	}
	return nil
}

// cutName cuts a filter behind its column's name: at the first colon without a backslash before it.
func cutName(s string) (name, values string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == ':' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == ':':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

func splitValues(s string) []string {
	var out []string
	var cur strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			cur.WriteByte(s[i])
		case s[i] == '|':
			out = append(out, cur.String())
			cur.Reset()
		default:
			cur.WriteByte(s[i])
		}
	}
	return append(out, cur.String())
}

// inOrder refuses a range that is empty or the wrong way round. It is told what was asked for, too.
func inOrder(from, to time.Time, fromText, toText string) *problem.Problem {
	if from.Before(to) {
		return nil
	}
	what := "they are the wrong way round, exchange them"
	switch {
	case from.Equal(to) && fromText != toText && (finer(fromText) || finer(toText)):
		what = "times are cut to milliseconds, which makes these the same; choose a later to"
	case from.Equal(to):
		what = "choose a later to"
	case toText == "":
		what = "from lies in the future, and to is now where it is not given; choose an earlier from, or say to"
	case toText == "now":
		what = "from lies in the future, and to is now; choose an earlier from, or another to"
	}
	return invalid("from", "from (%s) must be before to (%s): %s", boundText(from), boundText(to), what)
}

// finer says whether a text is a time with more digits than milliseconds have.
func finer(s string) bool {
	_, fraction, _ := strings.Cut(s, ".")
	digits := len(fraction) - len(strings.TrimLeft(fraction, "0123456789"))
	return digits > 3 && strings.Trim(fraction[3:digits], "0") != ""
}

// boundText writes a bound of a range: with milliseconds where there are some.
func boundText(t time.Time) string {
	if t.Nanosecond() == 0 {
		return t.Format(time.RFC3339)
	}
	return t.Format("2006-01-02T15:04:05.000Z07:00")
}

// times reads the range. A date stands for the whole day of the source's zone: as `from` its start, as `to` its end.
func (a ask) times(q *Question, now time.Time) *problem.Problem {
	if p := a.span(q, now, now); p != nil {
		return p
	}
	if ends := q.To; a.To == "" || a.To == "now" || isLength(a.To) { // it moves with the clock
		if p := a.span(q, roundUp(now, grain(ends.Sub(q.From))), now); p != nil {
			return p
		}
	}
	if p := inOrder(q.From, q.To, a.From, a.To); p != nil {
		return p
	}
	if q.Interval == "" {
		return nil
	}
	if !slices.Contains(intervalNames, q.Interval) {
		return invalid("interval", "there is no interval %q%s; the intervals are %s", q.Interval, didYouMean(q.Interval, intervalNames), strings.Join(intervalNames, ", "))
	}
	if n := len(q.buckets()); n > maxBuckets {
		return invalid("interval", "the range has more than %d intervals of one %s; choose a longer interval or a shorter range", maxBuckets, q.Interval).
			WithLimit("report.intervals", maxBuckets)
	}
	return nil
}

// span reads from and to in a range that ends at end if it says nothing else; now is of what day today is.
func (a ask) span(q *Question, end, now time.Time) (p *problem.Problem) {
	if q.To, p = parseTime("to", a.To, end, end, now, q.Location); p != nil {
		return p
	}
	q.From, p = parseTime("from", a.From, q.To.Add(-defaultRange), q.To, now, q.Location)
	return p
}

// grain is how exactly a range of a length ends when it ends now. Ranges that move with the clock are moved in steps, so that
// a panel that is asked for again and again is the same question for a while. They end at the next step: what came last is always in them.
func grain(length time.Duration) time.Duration {
	switch {
	case length <= time.Hour:
		return time.Second
	case length <= 24*time.Hour:
		return 10 * time.Second
	}
	return time.Minute
}

func roundUp(t time.Time, step time.Duration) time.Time {
	if down := t.Truncate(step); down.Before(t) {
		return down.Add(step)
	}
	return t
}

// zone loads a time zone, once.
func (r *Reporter) zone(name string) (*time.Location, error) {
	if l, ok := r.zones.Load(name); ok {
		return l.(*time.Location), nil
	}
	l, err := clickhouse.Zone(name)
	if err == nil {
		r.zones.Store(name, l)
	}
	return l, err
}

// lengthForm is how a length is written, in what is said of one that is not.
const lengthForm = config.LengthForm

// lengthOr is config.ParseLength; nothing is def.
func lengthOr(s string, def time.Duration) (time.Duration, bool) {
	if s == "" {
		return def, true
	}
	return config.ParseLength(s)
}

func isLength(s string) bool {
	_, ok := config.ParseLength(s)
	return ok
}

// daysBack is a day by how many days before today it is, as today-6d.
var daysBack = regexp.MustCompile(`^today(?:-(\d{1,5})d)?$`)

// parseTime reads now, a time, a date, also as today-6d, or a length such as 7d, which counts back from base.
func parseTime(field, s string, def, base, now time.Time, loc *time.Location) (time.Time, *problem.Problem) {
	switch s {
	case "":
		return def.Truncate(time.Millisecond), nil
	case "now":
		return base.Truncate(time.Millisecond), nil
	}
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "+", 1)) // an unescaped + in a URL arrives as a blank
	if err != nil {
		if t, err = time.Parse("2006-01-02T15:04:05", s); err == nil {
			t = localTime(t, loc)
		}
	}
	if t = t.Truncate(time.Millisecond); err != nil {
		if t, err = time.Parse(time.DateOnly, s); err == nil {
			y, m, d := t.Date()
			if field == "to" {
				d++
			}
			t = dayStart(y, m, d, loc)
		}
	}
	if m := daysBack.FindStringSubmatch(s); m != nil {
		n, _ := strconv.Atoi(m[1]) // none: today itself
		y, mon, d := now.In(loc).Date()
		if field == "to" {
			d++
		}
		t, err = dayStart(y, mon, d-n, loc), nil
	}
	if err != nil {
		if d, ok := config.ParseLength(s); ok {
			t, err = base.Add(-d).Truncate(time.Millisecond), nil
		}
	}
	if err != nil {
		if why := config.NoSuchDay(s); why != "" {
			return t, invalid(field, "%s is %q: %s", field, s, why)
		}
		return t, invalid(field, "%s is %q; write a date (2026-01-31, today, or today-6d), a time (2026-01-31T10:00:00Z, or without a zone, in the source's), now, or %s", field, s, lengthForm)
	}
	if year := t.UTC().Year(); year < firstYear || year > lastYear {
		p := invalid(field, "%s is %q: a range lies within the years %d to %d", field, s, firstYear, lastYear)
		if year < firstYear {
			return t, p.WithLimit("report.first_year", firstYear)
		}
		return t, p.WithLimit("report.last_year", lastYear)
	}
	return t, nil
}

// The years that can be asked for. Steps of rollups are 32-bit seconds since 1970, so that a day of any zone must not begin before it, nor end in 2106.
const (
	firstYear = 1971
	lastYear  = 2105
)

// unique drops blanks, empty items and repetitions.
func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// uniqueNames is unique for columns and properties. The name of a property may end with a blank.
func uniqueNames(list []string) []string {
	var out []string
	for _, s := range list {
		if s = strings.TrimLeft(s, " \t\r\n"); !strings.HasPrefix(s, "props.") {
			s = strings.TrimSpace(s)
		}
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// didYouMean suggests the name most like s.
func didYouMean(s string, names []string) string { return problem.DidYouMean(s, names) }
