package report

import (
	"slices"
	"strings"

	"weir/internal/problem"
)

// What a question does with events of bots.
const (
	BotsExclude = "exclude" // the default: "" means it too
	BotsInclude = "include"
	BotsOnly    = "only"
)

var botsNames = []string{BotsExclude, BotsInclude, BotsOnly}

// botColumns are the columns that tell bots from people. A question that looks at one of them itself means events of both.
var botColumns = []string{"is_bot", "bot_rule", "bot_score"}

// botsOf reads the parameter bots of a question about these columns.
func botsOf(bots string, groupBy []Dim, filters []Filter) (string, *problem.Problem) {
	if bots != "" {
		if !slices.Contains(botsNames, bots) {
			return "", invalid("bots", "bots is %q%s; it can be %s", bots, didYouMean(bots, botsNames), strings.Join(botsNames, ", "))
		}
		return bots, nil
	}
	looks := func(d Dim) bool { return d.Prop == "" && slices.Contains(botColumns, d.Column) }
	if slices.ContainsFunc(groupBy, looks) || slices.ContainsFunc(filters, func(f Filter) bool { return looks(f.Dim) }) {
		return BotsInclude, nil
	}
	return BotsExclude, nil
}

// botsCondition is the condition on is_bot with its AND. It holds for events, and for every table that has their column is_bot.
func botsCondition(bots string) string {
	switch bots {
	case BotsInclude:
		return ""
	case BotsOnly:
		return " AND is_bot"
	}
	return " AND NOT is_bot"
}
