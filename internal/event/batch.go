package event

import "unsafe"

// Where the columns of each kind lie in a Batch: the order is that of Columns.
const (
	lcTenant = iota
	lcSite
	lcType
	lcHost
	lcReferrerHost
	lcChannel
	lcUTMSource
	lcUTMMedium
	lcUTMCampaign
	lcUTMTerm
	lcUTMContent
	lcCountry
	lcRegion
	lcCity
	lcDevice
	lcOS
	lcBrowser
	lcBotRule
	lcUserAgent
	lcCount
)

const (
	strEventID = iota
	strClientID
	strUserID
	strSessionID
	strURL
	strPath
	strReferrer
	strNet
	strCount
)

const (
	timeTS = iota
	timeReceivedAt
	timeClientTS // 0: the same as ts
	timeCount
)

const (
	u8IsBot = iota
	u8BotScore
	u8Flags
	u8Count
)

const (
	u16EnrichVersion = iota
	u16Count
)

const (
	u32PayloadHash = iota
	u32Count
)

// Batch is a columnar set of events. It is not safe for concurrent use, not even
// by readers alone. Its columns are reused after Reset, so a Batch belongs in a
// Pool. A column holds less than 4 GiB.
//
// A column that no row fills takes neither memory nor time.
type Batch struct {
	rows  int
	lcs   [lcCount]lowCard
	strs  [strCount]texts
	times [timeCount]numbers[int64]
	u8s   [u8Count]numbers[uint8]
	u16s  [u16Count]numbers[uint16]
	u32s  [u32Count]numbers[uint32]
	props pairs
	nums  pairs

	// Scratch memory.
	spans []span
	remap remap
}

// NewBatch returns an empty batch.
func NewBatch() *Batch { return new(Batch) }

// Rows is the number of rows.
func (b *Batch) Rows() int { return b.rows }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.rows = 0
	for i := range b.lcs {
		b.lcs[i].reset()
	}
	for i := range b.strs {
		b.strs[i].reset()
	}
	for i := range b.times {
		b.times[i].reset()
	}
	for i := range b.u8s {
		b.u8s[i].reset()
	}
	for i := range b.u16s {
		b.u16s[i].reset()
	}
	for i := range b.u32s {
		b.u32s[i].reset()
	}
	b.props.reset()
	b.nums.reset()
}

// Append copies one row into the columns.
func (b *Batch) Append(r *Row) {
	b.appendDimensions(r)
	row := b.rows
	b.setString(strEventID, r.EventID)
	b.setString(strClientID, r.ClientID)
	b.setString(strUserID, r.UserID)
	b.setString(strSessionID, r.SessionID)
	b.setString(strURL, r.URL)
	b.setString(strPath, r.Path)
	b.setString(strReferrer, r.Referrer)
	b.setString(strNet, r.Net)
	b.times[timeTS].set(row, r.TS)
	b.times[timeReceivedAt].set(row, r.ReceivedAt)
	if r.ClientTS != r.TS {
		b.times[timeClientTS].set(row, r.ClientTS)
	}
	if r.IsBot {
		b.u8s[u8IsBot].set(row, 1)
	}
	b.u8s[u8BotScore].set(row, r.BotScore)
	b.u8s[u8Flags].set(row, r.Flags)
	b.u16s[u16EnrichVersion].set(row, r.EnrichVersion)
	b.u32s[u32PayloadHash].set(row, r.PayloadHash)
	b.props.setProps(row, r.Props)
	b.nums.setNums(row, r.Nums)
	b.rows++
}

// appendDimensions copies the fields that have a dictionary.
func (b *Batch) appendDimensions(r *Row) {
	row := b.rows
	b.lcs[lcTenant].set(row, bytesOf(r.Tenant))
	b.lcs[lcSite].set(row, bytesOf(r.Site))
	b.lcs[lcType].set(row, r.Type)
	b.lcs[lcHost].set(row, r.Host)
	b.lcs[lcReferrerHost].set(row, r.ReferrerHost)
	b.lcs[lcChannel].set(row, bytesOf(r.Channel))
	b.lcs[lcUTMSource].set(row, r.UTMSource)
	b.lcs[lcUTMMedium].set(row, r.UTMMedium)
	b.lcs[lcUTMCampaign].set(row, r.UTMCampaign)
	b.lcs[lcUTMTerm].set(row, r.UTMTerm)
	b.lcs[lcUTMContent].set(row, r.UTMContent)
	b.lcs[lcCountry].set(row, bytesOf(r.Country))
	b.lcs[lcRegion].set(row, bytesOf(r.Region))
	b.lcs[lcCity].set(row, bytesOf(r.City))
	b.lcs[lcDevice].set(row, bytesOf(r.Device))
	b.lcs[lcOS].set(row, bytesOf(r.OS))
	b.lcs[lcBrowser].set(row, bytesOf(r.Browser))
	b.lcs[lcBotRule].set(row, bytesOf(r.BotRule))
	b.lcs[lcUserAgent].set(row, r.UserAgent)
}

func (b *Batch) setString(slot int, v []byte) {
	if len(v) != 0 {
		b.strs[slot].pad(b.rows)
		b.strs[slot].append(v)
	}
}

// bytesOf is s as a slice that nobody may write to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// AppendBatch copies all rows of src, or only those i for which keep[i] is true
// if keep is not nil. It leaves src as it is, which must not be b.
func (b *Batch) AppendBatch(src *Batch, keep []bool) {
	if keep == nil {
		b.AppendRange(src, 0, src.rows)
		return
	}
	b.spans = b.spans[:0]
	n := 0
	for i := 0; i < len(keep); i++ {
		if !keep[i] {
			continue
		}
		from := i
		for i < len(keep) && keep[i] {
			i++
		}
		b.spans = append(b.spans, span{from, i})
		n += i - from
	}
	b.appendSpans(src, n)
}

// AppendRange copies rows [from, to) of src, which must not be b.
func (b *Batch) AppendRange(src *Batch, from, to int) {
	b.spans = append(b.spans[:0], span{from, to})
	b.appendSpans(src, to-from)
}

// AppendIndex copies the rows of src whose indices are given, in that order. The
// same row may be given twice; src must not be b.
func (b *Batch) AppendIndex(src *Batch, rows []int) {
	b.spans = b.spans[:0]
	for i := 0; i < len(rows); {
		from := i
		for i++; i < len(rows) && rows[i] == rows[i-1]+1; i++ {
		}
		b.spans = append(b.spans, span{rows[from], rows[i-1] + 1})
	}
	b.appendSpans(src, len(rows))
}

// appendSpans copies the n rows of b.spans. If n is the number of rows of src or
// more (rows may be given twice), a column takes the dictionary of src whole, even
// if it then holds a value that no row uses: that is allowed and rare.
func (b *Batch) appendSpans(src *Batch, n int) {
	if n == 0 {
		return
	}
	spans, row := b.spans, b.rows
	for _, s := range spans {
		if s.from < 0 || s.to > src.rows || s.from > s.to {
			panic("event: rows out of range")
		}
	}
	for i := range b.lcs {
		b.lcs[i].appendSpans(&src.lcs[i], spans, row, n, &b.remap)
	}
	for i := range b.strs {
		b.strs[i].appendSpans(&src.strs[i], spans, row)
	}
	for i := range b.times {
		b.times[i].appendSpans(&src.times[i], spans, row, n)
	}
	for i := range b.u8s {
		b.u8s[i].appendSpans(&src.u8s[i], spans, row, n)
	}
	for i := range b.u16s {
		b.u16s[i].appendSpans(&src.u16s[i], spans, row, n)
	}
	for i := range b.u32s {
		b.u32s[i].appendSpans(&src.u32s[i], spans, row, n)
	}
	b.props.appendSpans(&src.props, spans, row, n, &b.remap)
	b.nums.appendSpans(&src.nums, spans, row, n, &b.remap)
	b.remap.dst, b.remap.src = nil, nil
	b.rows += n
}

// Str returns the value of a KindString or KindLowCard column in one row.
// The slice is valid until the batch changes.
func (b *Batch) Str(col uint16, row int) []byte {
	switch s := slotOf(col); s.kind {
	case KindString:
		return b.strs[s.index].value(row)
	case KindLowCard:
		return b.lcs[s.index].value(row)
	}
	panic("event: Str of a column that holds no strings")
}

// Dict returns the distinct values and the per-row indices into them of a
// KindLowCard column: the cheap way to group rows by tenant or source. Value 0
// is the empty string; a value may be one that no row uses. Both slices are valid
// until the batch changes.
func (b *Batch) Dict(col uint16) (values [][]byte, keys []uint32) {
	s := slotOf(col)
	if s.kind != KindLowCard {
		panic("event: Dict of a column without a dictionary")
	}
	c := &b.lcs[s.index]
	if len(c.places) == 0 {
		c.init()
	}
	c.pad(b.rows)
	return c.entries(), c.keys
}

// Times returns a KindTime column, Unix milliseconds by row.
func (b *Batch) Times(col uint16) []int64 {
	s := slotOf(col)
	if s.kind != KindTime {
		panic("event: Times of a column that holds no times")
	}
	c := &b.times[s.index]
	c.pad(b.rows)
	return c.v
}

// Flags returns the flags by row.
func (b *Batch) Flags() []uint8 {
	b.u8s[u8Flags].pad(b.rows)
	return b.u8s[u8Flags].v
}

// PayloadHashes returns the payload hashes by row.
func (b *Batch) PayloadHashes() []uint32 {
	b.u32s[u32PayloadHash].pad(b.rows)
	return b.u32s[u32PayloadHash].v
}
