package embedded

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"weir/internal/clickhouse"
)

// mergeThread is the name of a thread of merges and mutations.
const mergeThread = "MergeMutate"

// Bounds of mergeNice. A table whose merges keep up has twelve parts of each size in a partition, that is some thirty; readers notice hundreds.
const (
	calmParts  = 60  // up to so many parts in each partition merges take only what nothing else wants
	fullParts  = 120 // from so many in one on they are worth as much as everything else
	mostNice   = 19
	mutateNice = 5 // at most, while a mutation waits: somebody waits for it
	mergesEach = 5 * time.Second
)

// mergeNice is the nice value of the threads of merges: parts is how many the partition with the most has.
func mergeNice(parts int, mutating bool) int {
	n := mostNice * (fullParts - parts) / (fullParts - calmParts)
	if mutating {
		n = min(n, mutateNice)
	}
	return max(0, min(mostNice, n))
}

// tuneMerges lets merges yield to inserts and queries while they can be put off, until ctx ends. An event costs more CPU when its part is merged than when it is inserted (DESIGN.md), and a
// merge that begins at a busy moment would delay all acknowledgements.
func (s *server) tuneMerges(ctx context.Context, engine *clickhouse.Client) {
	if !mayUnnice() {
		s.log.Info("merges run at the usual priority: the process may not take a lower one back (CAP_SYS_NICE)")
		return
	}
	each := time.NewTicker(mergesEach)
	defer each.Stop()
	for {
		parts, mutating, err := s.mergeDebt(ctx, engine)
		if err != nil {
			parts = fullParts
		}
		niceMerges(mergeNice(parts, mutating))
		select {
		case <-ctx.Done():
			return
		case <-each.C:
		}
	}
}

// mergeDebt is how many parts the partition with the most has, and whether a mutation waits.
func (s *server) mergeDebt(ctx context.Context, engine *clickhouse.Client) (parts int, mutating bool, err error) {
	sql := fmt.Sprintf(`SELECT toString(max(n)), toString((SELECT count() FROM system.mutations WHERE database = '%[1]s' AND NOT is_done))
FROM (SELECT count() AS n FROM system.parts WHERE database = '%[1]s' AND active GROUP BY table, partition_id)`, s.cfg.Database)
	_, err = engine.Rows(ctx, clickhouse.Statement{SQL: sql, Comment: "merges"}, func(row []any) error {
		most, _ := row[0].(string)
		waiting, _ := row[1].(string)
		mutating = waiting != "0"
		var err error
		parts, err = strconv.Atoi(most)
		return err
	})
	return parts, mutating, err
}
