module github.com/sqlc-dev/doubleclick

go 1.24.7
