-- Old events are forgotten by when they came, which is the order in which they lie there: an index of a few pages, which
-- costs those who store one next to nothing.
create index webhook_events_received_at_idx on webhook_events using brin (received_at) with (autosummarize = on);
