// Package weir sends events from Go programs to a weir server.
//
//	client, err := weir.New(weir.Options{Endpoint: "https://weir.example", WriteKey: key})
//	if err != nil { … }
//	defer client.Close(context.Background())
//	err = client.Track(ctx, weir.Event{Type: "signup", ClientID: visitor, Props: map[string]any{"plan": "pro"}})
//
// Track puts an event into a bounded queue and returns; one goroutine sends what is queued, in order, in compressed batches.
//
// # What is promised
//
// An event gets its id once, at Track. However often a request is repeated, the server stores an id once (it knows ids for seven
// days; see Options.MaxAge), so that nothing is doubled. An event leaves the queue only when the server has confirmed it, or has said
// that it will never take it (Options.OnRejected), or when it is older than MaxAge. Track refuses (ErrQueueFull) rather than drop what it accepted before.
//
// Without Options.Spool the queue is memory: what was not sent when the process dies is lost, and Close says how much it left.
// With a spool an event is in a file before Track returns: it survives kill -9 of the process, and also power loss, at once with
// SyncEach, within about a second with SyncSecond. The next client that opens the directory sends it.
//
// # What is tried again
//
// Network failures, timeouts, answers that cannot be read, 408, 429 and 5xx, after a pause that doubles from MinBackoff to MaxBackoff, with jitter; a
// Retry-After is waited for. So are 401, 403, 404, redirects and other signs of a wrong setting: they are told to Options.OnError, and events wait until
// the key or the address is right. 413 halves the batch.
package weir
