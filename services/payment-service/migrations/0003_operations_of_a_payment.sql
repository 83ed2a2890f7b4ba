-- What was done before for a payment is looked up by each write that begins; the partial index knows only what runs.
create index operations_payment_id_idx on operations (payment_id);
