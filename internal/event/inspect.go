package event

import "bytes"

// Row returns one row. Its byte slices are those of the batch: they are valid
// until the batch changes and must not be written to. It is for single rows
// (quarantine, tests); a loop over many rows uses the columns.
func (b *Batch) Row(i int) Row {
	return Row{
		Tenant: string(b.lcs[lcTenant].value(i)), Site: string(b.lcs[lcSite].value(i)),
		TS: b.times[timeTS].value(i), ReceivedAt: b.times[timeReceivedAt].value(i),
		Type:    b.lcs[lcType].value(i),
		EventID: b.strs[strEventID].value(i), ClientID: b.strs[strClientID].value(i),
		UserID: b.strs[strUserID].value(i), SessionID: b.strs[strSessionID].value(i),
		URL: b.strs[strURL].value(i), Host: b.lcs[lcHost].value(i), Path: b.strs[strPath].value(i),
		Referrer: b.strs[strReferrer].value(i), ReferrerHost: b.lcs[lcReferrerHost].value(i),
		UTMSource: b.lcs[lcUTMSource].value(i), UTMMedium: b.lcs[lcUTMMedium].value(i),
		UTMCampaign: b.lcs[lcUTMCampaign].value(i),
		Channel:     string(b.lcs[lcChannel].value(i)), UTMTerm: b.lcs[lcUTMTerm].value(i), UTMContent: b.lcs[lcUTMContent].value(i),
		Country: string(b.lcs[lcCountry].value(i)), Region: string(b.lcs[lcRegion].value(i)),
		City: string(b.lcs[lcCity].value(i)), Device: string(b.lcs[lcDevice].value(i)),
		OS: string(b.lcs[lcOS].value(i)), Browser: string(b.lcs[lcBrowser].value(i)),
		IsBot: b.u8s[u8IsBot].value(i) != 0, BotRule: string(b.lcs[lcBotRule].value(i)), BotScore: b.u8s[u8BotScore].value(i),
		Net: b.strs[strNet].value(i), ClientTS: b.times[timeClientTS].value(i), UserAgent: b.lcs[lcUserAgent].value(i),
		EnrichVersion: b.u16s[u16EnrichVersion].value(i),
		Props:         b.props.props(i), Nums: b.nums.numbers(i),
		PayloadHash: b.u32s[u32PayloadHash].value(i), Flags: b.u8s[u8Flags].value(i),
	}
}

func (c *pairs) props(row int) (props []Prop) {
	from, to := c.bounds(row)
	for i := from; i < to; i++ {
		props = append(props, Prop{Key: c.keys.value(i), Value: c.values.value(i)})
	}
	return props
}

func (c *pairs) numbers(row int) (nums []Num) {
	from, to := c.bounds(row)
	for i := from; i < to; i++ {
		nums = append(nums, Num{Key: c.keys.value(i), Value: c.nums[i]})
	}
	return nums
}

// Values returns one row by column name, without the columns that are empty or
// zero: strings as string, times and integers as int64, the two maps as
// map[string]string and map[string]float64. It shares no memory with the batch.
func (b *Batch) Values(i int) map[string]any {
	values := make(map[string]any, len(Columns))
	for _, col := range Columns {
		if v := b.columnValue(col, i); v != nil {
			values[col.Name] = v
		}
	}
	return values
}

// columnValue is nil if the value is empty or zero.
func (b *Batch) columnValue(col Column, row int) any {
	n := int64(0)
	switch s := layout[col.Number]; s.kind {
	case KindString, KindLowCard:
		if v := b.Str(col.Number, row); len(v) != 0 {
			return string(v)
		}
	case KindTime:
		n = b.times[s.index].value(row)
	case KindUInt8:
		n = int64(b.u8s[s.index].value(row))
	case KindUInt16:
		n = int64(b.u16s[s.index].value(row))
	case KindUInt32:
		n = int64(b.u32s[s.index].value(row))
	case KindProps:
		if props := b.props.props(row); len(props) != 0 {
			m := make(map[string]string, len(props))
			for _, p := range props {
				m[string(p.Key)] = string(p.Value)
			}
			return m
		}
	case KindNums:
		if nums := b.nums.numbers(row); len(nums) != 0 {
			m := make(map[string]float64, len(nums))
			for _, p := range nums {
				m[string(p.Key)] = p.Value
			}
			return m
		}
	}
	if n == 0 {
		return nil
	}
	return n
}

// Equal says that both batches hold the same rows in the same order. Two numbers
// of Nums are the same if their bits are.
func (b *Batch) Equal(o *Batch) bool {
	if b.rows != o.rows {
		return false
	}
	for i := range b.rows {
		x, y := b.Row(i), o.Row(i)
		if !x.equal(&y) {
			return false
		}
	}
	return true
}

func (r *Row) equal(o *Row) bool {
	if len(r.Props) != len(o.Props) || len(r.Nums) != len(o.Nums) {
		return false
	}
	for i, p := range r.Props {
		if !bytes.Equal(p.Key, o.Props[i].Key) || !bytes.Equal(p.Value, o.Props[i].Value) {
			return false
		}
	}
	for i, n := range r.Nums {
		if !bytes.Equal(n.Key, o.Nums[i].Key) || n.bits() != o.Nums[i].bits() {
			return false
		}
	}
	x, y := r.texts(), o.texts()
	for i := range x {
		if !bytes.Equal(x[i], y[i]) {
			return false
		}
	}
	return r.TS == o.TS && r.ReceivedAt == o.ReceivedAt && r.IsBot == o.IsBot && r.BotScore == o.BotScore && r.clientTS() == o.clientTS() &&
		r.EnrichVersion == o.EnrichVersion && r.PayloadHash == o.PayloadHash && r.Flags == o.Flags
}

// clientTS is client_ts as it is stored: a row without one has the time of ts.
func (r *Row) clientTS() int64 {
	if r.ClientTS == 0 {
		return r.TS
	}
	return r.ClientTS
}

func (r *Row) texts() [lcCount + strCount][]byte {
	return [...][]byte{
		bytesOf(r.Tenant), bytesOf(r.Site), r.Type, r.EventID, r.ClientID, r.UserID, r.SessionID,
		r.URL, r.Host, r.Path, r.Referrer, r.ReferrerHost, r.UTMSource, r.UTMMedium, r.UTMCampaign,
		bytesOf(r.Country), bytesOf(r.Region), bytesOf(r.City), bytesOf(r.Device), bytesOf(r.OS),
		bytesOf(r.Browser), r.UserAgent, bytesOf(r.Channel), r.UTMTerm, r.UTMContent, bytesOf(r.BotRule), r.Net,
	}
}
