-- What every service's database holds besides its own tables: events out, events in,
-- and remembered requests.

-- The last sequence number given out per aggregate. Taking a number locks its row until the
-- transaction ends, so that two writers of one aggregate commit in the order of their numbers.
create table outbox_sequences (
    aggregate    text   not null,
    aggregate_id bigint not null,
    last         bigint not null,
    constraint outbox_sequences_pkey primary key (aggregate, aggregate_id)
);

-- The log of events: written by the transaction that made them true, kept until pruned.
create table outbox (
    id           bigint      generated always as identity,
    event_id     uuid        not null,
    type         text        not null,
    aggregate    text        not null,
    aggregate_id bigint      not null,
    sequence     bigint      not null,
    payload      jsonb       not null,
    occurred_at  timestamptz not null,
    actor        text        not null,
    trace        text        not null,
    causation    text,
    constraint outbox_pkey primary key (id),
    constraint outbox_event_id_key unique (event_id),
    constraint outbox_sequence_key unique (aggregate, aggregate_id, sequence)
);
create index outbox_occurred_at_idx on outbox (occurred_at);

-- What is still to be handed over: one row per event and subscriber, gone once acknowledged.
-- Aggregate and sequence are repeated here so that "is an earlier one still waiting?" is one index look-up.
create table outbox_deliveries (
    outbox_id    bigint      not null,
    subscriber   text        not null,
    aggregate    text        not null,
    aggregate_id bigint      not null,
    sequence     bigint      not null,
    attempts     integer     not null default 0,
    next_at      timestamptz not null,
    lease_until  timestamptz,
    constraint outbox_deliveries_pkey primary key (outbox_id, subscriber),
    constraint outbox_deliveries_outbox_fkey foreign key (outbox_id) references outbox (id),
    constraint outbox_deliveries_order_key unique (subscriber, aggregate, aggregate_id, sequence)
) with (autovacuum_vacuum_scale_factor = 0.02);

-- Which events a consumer has taken in; written by the transaction of the event's effect.
create table inbox (
    consumer    text        not null,
    event_id    uuid        not null,
    received_at timestamptz not null,
    constraint inbox_pkey primary key (consumer, event_id)
);
create index inbox_received_at_idx on inbox (received_at);

-- Requests that carried an Idempotency-Key, and what was answered.
create table idempotency_keys (
    principal   text        not null,
    route       text        not null,
    key         text        not null,
    body_hash   bytea       not null,
    state       text        not null,
    lease_until timestamptz not null,
    status      smallint,
    headers     jsonb,
    body        bytea,
    -- What the request made, once that is committed: an answer can be built from it after a crash.
    subject_id  bigint,
    created_at  timestamptz not null,
    constraint idempotency_keys_pkey primary key (principal, route, key),
    constraint idempotency_keys_state_check check (state in ('running', 'done')),
    constraint idempotency_keys_answer_check
        check ((state = 'done') = (status is not null and headers is not null and body is not null))
);
create index idempotency_keys_created_at_idx on idempotency_keys (created_at);
