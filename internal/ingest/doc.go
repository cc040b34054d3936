// Package ingest is the HTTP doors through which events come in: /collect for
// browsers, /pixel.gif for what cannot POST, /ingest for servers. A door reads a
// bounded body, decodes its JSON once straight into columns, validates every event
// by itself, adds what the sender's address and user agent say, and answers only
// when the accepted events are durable. docs/INGEST.md describes fields, limits and answers.
package ingest
