package embedded

import (
	"slices"
	"strings"
	"testing"
)

func TestSkeleton(t *testing.T) {
	for _, sql := range []string{"SELECT 1 -- 2", "SELECT 1 /* 2 */", "SELECT 1 // 2", "SELECT $x$ 1 $x$", "SELECT a$1, 1", "SELECT 1 # 2", "SELECT 1 #! 2", `SELECT '\'', 1`, "SELECT 'it''s', 1", "SELECT \"a\"\"b\", 1",
		"SELECT `a``b`, 1", "SELECT \"a\\n\", 1", "SELECT \x01, 1", "SELECT '\x02', 1", "SELECT 'a\tb', 1", "SELECT 'a\nb', 1", "SELECT 'a, 1", "SELECT `a, 1", "SELECT é, 1", "SELECT 'é', 1", "SELECT 1\x00", "SELECT 1\r", "SELECT \u00a01",
		"SELECT x", "", "SELECT " + strings.Repeat("1, ", maxLiterals+1) + "x"} {
		if s, ok := skeletonOf(sql); ok {
			t.Errorf("%q is said to be plain: %q", sql, s)
		}
	}
	for _, c := range []struct {
		sql, key string
		literals []string
	}{
		{"SELECT t.1, t . 2, 3 . x, 4.5, .5, 6e7, 0x8, 08, 1_0, x9, 10, 0", "SELECT t.1, t . 2, 3 . x, 4.5, .5, 6e7, 0x8, 08, 1_0, x9, \x01, \x01", []string{"10", "0"}},
		{"SELECT 'a', \"b 1\", `c 2`, '', 'd 3'1-1", "SELECT \x02, \"b 1\", `c 2`, '', \x02\x01-\x01", []string{"'a'", "'d 3'", "1", "1"}},
		{"\tSELECT\n123456789012345, 1234567890123456", "\tSELECT\n\x01, 1234567890123456", []string{"123456789012345"}},
		{"LIMIT 20", "LIMIT \x01", []string{"20"}},
	} {
		if s, ok := skeletonOf(c.sql); !ok || s.key != c.key || !slices.Equal(s.literals, c.literals) {
			t.Errorf("%q: %q %q, %v; want %q %q", c.sql, s.key, s.literals, ok, c.key, c.literals)
		}
	}
}
