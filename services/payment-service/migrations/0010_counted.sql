-- What is counted every few seconds for people to be told of: few rows, whatever the shop has sold.

create index payments_mismatch_idx on payments (id) where status = 'mismatch';
create index webhook_events_dead_idx on webhook_events (id) where state = 'dead';
