-- Refunds that the provider took and that came back: few, and looked at every few seconds for those whose money was not
-- sent again.

create index refunds_returned_idx on refunds (payment_id, id)
 where status in ('failed', 'canceled') and provider_id is not null;
