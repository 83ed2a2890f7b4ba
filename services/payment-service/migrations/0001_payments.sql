-- Money for orders. One row of `payments` per order; everything about the order's money happens under its lock.

create table payments (
    id                   bigint      generated always as identity,
    order_id             bigint      not null,
    -- Null only in a tombstone: a payment that was cancelled before anybody asked for it.
    user_id              bigint,
    amount_minor         bigint,
    currency             text,
    status               text        not null,
    payment_intent_id    text,
    client_secret        text,
    -- What arrived, what went back for good, and what is on its way back, in minor units.
    captured_minor       bigint      not null default 0,
    refunded_minor       bigint      not null default 0,
    refund_pending_minor bigint      not null default 0,
    -- What arrived is not what was asked for.
    mismatched           boolean     not null default false,
    dispute_status       text        not null default 'none',
    last_error           text,
    version              bigint      not null default 1,
    -- When the provider was last asked how it stands, without an event that told us to.
    checked_at           timestamptz not null,
    created_at           timestamptz not null,
    updated_at           timestamptz not null,
    constraint payments_pkey primary key (id),
    -- The one live intent per order, before the provider is called.
    constraint payments_order_id_key unique (order_id),
    constraint payments_payment_intent_id_key unique (payment_intent_id),
    constraint payments_status_check check (status in ('pending', 'processing', 'requires_action', 'failed',
        'succeeded', 'cancelled', 'mismatch', 'partially_refunded', 'refunded')),
    constraint payments_amount_check check (amount_minor > 0),
    constraint payments_currency_check check (currency ~ '^[A-Z]{3}$'),
    constraint payments_tombstone_check check (
        (user_id is not null and amount_minor is not null and currency is not null)
        or (status = 'cancelled' and payment_intent_id is null)),
    constraint payments_refunded_check check (0 <= refunded_minor and refunded_minor <= captured_minor),
    constraint payments_refund_pending_check check (refund_pending_minor >= 0)
);
create index payments_checked_at_idx on payments (checked_at)
 where status in ('pending', 'processing', 'requires_action', 'failed') and payment_intent_id is not null;

-- Returns of money: ours, and those made in the provider's dashboard.
create table refunds (
    id           bigint      generated always as identity,
    payment_id   bigint      not null,
    -- A saga names its refund; asking again is the same refund unless it came to nothing. Null where an admin
    -- asked: there the Idempotency-Key remembers.
    ask_key      text,
    amount_minor bigint      not null,
    status       text        not null,
    provider_id  text,
    reason       text,
    error        text,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    constraint refunds_pkey primary key (id),
    constraint refunds_payment_fkey foreign key (payment_id) references payments (id),
    constraint refunds_provider_id_key unique (provider_id),
    constraint refunds_amount_check check (amount_minor > 0),
    constraint refunds_status_check
        check (status in ('pending', 'requires_action', 'succeeded', 'failed', 'canceled'))
);
create index refunds_payment_id_idx on refunds (payment_id);
create unique index refunds_ask_key_idx on refunds (ask_key) where status not in ('failed', 'canceled');

-- Writes at the provider. The row, and with it the idempotency key, is committed before the call and survives
-- whatever happens to it; what stays `started` is resolved later.
create table operations (
    key        text        not null,
    payment_id bigint      not null,
    refund_id  bigint,
    kind       text        not null,
    state      text        not null,
    attempts   integer     not null default 0,
    next_at    timestamptz not null,
    error      text,
    created_at timestamptz not null,
    constraint operations_pkey primary key (key),
    constraint operations_payment_fkey foreign key (payment_id) references payments (id),
    constraint operations_refund_fkey foreign key (refund_id) references refunds (id),
    constraint operations_kind_check check (kind in ('create_intent', 'cancel_intent', 'refund')),
    constraint operations_state_check check (state in ('started', 'done', 'refused')),
    constraint operations_refund_check check ((kind = 'refund') = (refund_id is not null))
);
create unique index operations_started_idx on operations (payment_id, kind)
 where state = 'started' and kind <> 'refund';
create unique index operations_refund_id_idx on operations (refund_id);
create index operations_next_at_idx on operations (next_at) where state = 'started';

-- What the provider told us, as it came: stored before it is acknowledged, worked off later.
create table webhook_events (
    id                bigint      generated always as identity,
    provider_event_id text        not null,
    type              text        not null,
    -- Text of the event as it was signed.
    payload           json        not null,
    -- `ignored`: about another account, or real money where we deal in test money, or the other way round.
    state             text        not null,
    attempts          integer     not null default 0,
    -- When it may be taken (again); moved ahead while a worker has it.
    next_at           timestamptz not null,
    error             text,
    received_at       timestamptz not null,
    constraint webhook_events_pkey primary key (id),
    constraint webhook_events_provider_event_id_key unique (provider_event_id),
    constraint webhook_events_state_check check (state in ('received', 'processed', 'ignored', 'dead'))
);
create index webhook_events_next_at_idx on webhook_events (next_at) where state = 'received';

-- Which facts had their effect: two different events about one fact have one effect.
create table payment_facts (
    object_id  text        not null,
    fact       text        not null,
    payment_id bigint      not null,
    at         timestamptz not null,
    constraint payment_facts_pkey primary key (object_id, fact),
    constraint payment_facts_payment_fkey foreign key (payment_id) references payments (id)
);
