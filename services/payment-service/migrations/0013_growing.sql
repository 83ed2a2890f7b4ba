-- For what would read more and more as tables grow.

-- Old events are forgotten by when they came, which is the order in which they lie there: an index of a few pages, which
-- costs those who store one next to nothing.
create index webhook_events_received_at_idx on webhook_events using brin (received_at) with (autosummarize = on);
-- Events are worked off the oldest first; without it that may be looked for from the first that was ever stored.
create index webhook_events_waiting_idx on webhook_events (id) where state = 'received';
-- How far back a reconciliation of what is open has to look.
create index refunds_open_idx on refunds (created_at) where status in ('pending', 'requires_action');
