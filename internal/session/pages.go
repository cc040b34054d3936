package session

import "strconv"

// Pages is the name of the column of a session's pages: the path of each of its page views, in no order. It is no attribute, for a session has many.
const Pages = "pages"

// pagesType is not one of LowCardinality: to read that from many parts takes more.
const pagesType = "Array(String)"

// MaxPages is how many pages are kept of a piece of a visit, which is no longer than the timeout. Of a session with more page views in one (a robot, a monitor) some are missing: its pages
// are fewer than its pageviews.
const MaxPages = 2000

// ofPages are the pages of a group of events.
var ofPages = "groupArrayIf(" + strconv.Itoa(MaxPages) + ")(toString(_e.path), _e.type = 'pageview')"
