package query

import (
	"fmt"
	"strings"
	"testing"
)

// TestParameterValues: a whole number, a date or a time that its type cannot hold is refused, where the engine would take another one for it.
func TestParameterValues(t *testing.T) {
	const max256 = "115792089237316195423570985008687907853269984665640564039457584007913129639935"
	for _, c := range []struct{ typ, value, says string }{
		{"UInt8", "255", ""}, {"UInt8", "256", "the parameter x is 256, which as UInt8 does not fit: it holds 0 to 255"}, {"UInt8", "-1", "0 to 255"}, {"UInt8", "0", ""}, {"UInt8", "+7", ""},
		{"Int8", "-128", ""}, {"Int8", "-129", "-128 to 127"}, {"Int8", "128", "-128 to 127"}, {"UInt16", "65536", "0 to 65535"}, {"Int16", "32767", ""},
		{"UInt32", "4294967296", "0 to 4294967295"}, {"Int32", "2147483648", "to 2147483647"}, {"UInt64", "18446744073709551615", ""}, {"UInt64", "18446744073709551616", "to 18446744073709551615"},
		{"Int64", "9223372036854775808", "to 9223372036854775807"}, {"Int64", "-9223372036854775808", ""}, {"UInt128", "340282366920938463463374607431768211456", "0 to 3402"},
		{"Int128", "170141183460469231731687303715884105728", "to 1701"}, {"UInt256", max256, ""}, {"UInt256", max256 + "0", "0 to " + max256}, {"Int256", max256, "does not fit"},
		{"UInt256", strings.Repeat("9", 5000), "999…, which"}, {" Nullable( UInt8 ) ", "260", "does not fit"}, {"Nullable(UInt8)", `\N`, ""}, {"LowCardinality(Nullable(Int8))", "200", "does not fit"},
		{"TinyInt", "128", "-128 to 127"}, {"INT", "2147483648", "does not fit"}, {"BIGINT", "2147483648", ""},
		{"UInt8", "1.5", "is no whole number"}, {"UInt8", "", "is no whole number"}, {"UInt8", "1e2", "is no whole number"}, {"UInt8", `\N`, "is no whole number"}, {"Int64", "a", "is no whole number"},
		{"Array(UInt8)", "[1, 2,255]", ""}, {"Array(UInt8)", "[1, 2,256]", "is 256, which"}, {"Array(Array(Nullable(Int8)))", "[[NULL,1],[-129]]", "is -129, which"}, {"Array(UInt8)", "[]", ""},
		{"String", "260", ""}, {"Float64", "1e300", ""}, {"Decimal(3, 1)", "1000", ""}, {"Array(String)", "['300']", ""}, {"Map(String, UInt8)", "{'a':1}", ""},
		{"Map(String, UInt8)", "{'a:2,':1, 'b' : 300}", "is 300, which"}, {"Map(UInt8, String)", "{1:'300', 256:'x'}", "is 256, which"}, {"Map(String, Array(Int8))", "{'a':[1,200]}", "is 200, which"},
		{"Tuple(UInt8, String)", "(300,'x')", "is 300, which"}, {"Tuple(String, UInt8)", "('300, (\\'',255)", ""}, {"Tuple(a UInt8, b Int8)", "(1, 200)", "is 200, which"}, {"Tuple(UInt8, UInt8)", "(1)", ""},
		{"Array(Tuple(UInt8, Int8))", "[(1,2),(255,-129)]", "is -129, which"}, {"Array(UInt8)", "['256']", "is 256, which"}, {"Array(UInt8)", "[", ""}, {"Tuple()", "()", ""},
		{"Date", "2026-02-28", ""}, {"Date", "2026-02-30", "the parameter x is 2026-02-30, which as Date is no day of the calendar"}, {"Date", "2026-13-01", "no day"}, {"Date", "2024-02-29", ""}, {"Date", "2026-00-01", "no day"},
		{"Date", "2149-06-07", "it holds 1970-01-01 to 2149-06-06"}, {"date", "1969-12-31", "does not fit"}, {"Date32", "1899-12-31", "1900-01-01"}, {"Date32", "2149-06-07", ""}, {"Date", "20665", ""},
		{"DateTime", "2200-01-01 00:00:00", "to 2106-02-07"}, {"DateTime('UTC')", "2026-01-01 24:00:00", "is no time of a day"}, {"DateTime", "2026-01-01T23:59:60", "no time"}, {"DateTime", "1790000000", ""},
		{"DateTime64(3)", "2026-13-30 00:00:00", "no day"}, {"DateTime64(3, 'UTC')", "2026-12-30 00:00:00.123", ""}, {"DateTime64(3)", "2300-01-01 00:00:00", "2299-12-31"},
		{"Nullable(Date)", "2026-02-30", "no day"}, {"Nullable(Date)", `\N`, ""}, {"Array(Date)", "['2026-02-30']", "is 2026-02-30, which"}, {"String", "2026-02-30", ""},
	} {
		for _, sql := range []string{"SELECT count() FROM events WHERE length(url) = length({x:" + c.typ + "}::String)", "EXPLAIN SELECT {x:" + c.typ + "}", "SELECT type FROM events /* { */ LIMIT 1 BY { x : " + c.typ + "}"} {
			sc := typedScope
			sc.Params = map[string]string{"x": c.value}
			_, err := NewGuard().Check(sql, sc)
			r, _ := err.(*Refusal)
			if bad := r != nil && r.Code == CodeBadParameter; bad != (c.says != "") || bad && (!strings.Contains(r.Error(), c.says) || r.Field != "params.x") {
				t.Errorf("%.150s with %.60s: %.300v, want %q", sql, c.value, err, c.says)
			}
		}
	}
	sc := typedScope
	sc.Params = map[string]string{"y": "260"} // no parameter of this statement
	if _, err := NewGuard().Check("SELECT {x:UInt8}", sc); err != nil {
		t.Error(err)
	}
	p := problemIn(t, post(newHandler(t, Config{}, &fakeEngine{body: engineJSON}), analyst, `{"sql":"SELECT {x:UInt8}","params":{"x":260}}`))
	if p.Status != 422 || p.Code != CodeBadParameter || p.Field != "params.x" {
		t.Errorf("%+v", p)
	}
}

// TestManyParameters: a value is looked at once for each type, and a type is read once for all values of a list.
func TestManyParameters(t *testing.T) {
	sc := typedScope
	list := "[" + strings.Repeat("0,", 300_000) + "0]"
	sc.Params = map[string]string{"x": list}
	if _, err := NewGuard().Check("SELECT "+strings.Repeat("length({x:Array(UInt8)}), ", 100)+"length({x:Array(Tuple("+strings.Repeat("UInt8,", 100)+"UInt8))})", sc); err != nil {
		t.Error(err)
	}
	var sql strings.Builder
	sql.WriteString("SELECT 1")
	for n := range 40 {
		fmt.Fprintf(&sql, ", {x:Array(FixedString(%d))} = [], {x:Array(Decimal(9, %d))} = [], {x:Array(DateTime64(%d))} = []", n+1, n%9, n)
	}
	_, err := NewGuard().Check(sql.String(), sc)
	if r, ok := err.(*Refusal); !ok || r.Code != CodeBadParameter || !strings.Contains(r.Error(), "as one type") {
		t.Errorf("as many types: %v", err)
	}
}
