-- What banks want back for their customers. A dispute is the provider's; what moved for it is kept with it, as facts.

create table disputes (
    provider_id          text        not null,
    payment_id           bigint      not null,
    status               text        not null,
    -- What is disputed, in minor units of what was captured.
    amount_minor         bigint      not null,
    -- In the provider's word, such as `fraudulent`.
    reason               text,
    -- Until when it takes evidence.
    evidence_due_by      timestamptz,
    -- What the provider took from our balance for it, and what it gave back, each once and with its fee, in the
    -- currency of that balance. A fee that is given back is above zero too.
    withdrawn_minor      bigint,
    withdrawn_fee_minor  bigint,
    withdrawn_currency   text,
    reinstated_minor     bigint,
    reinstated_fee_minor bigint,
    reinstated_currency  text,
    created_at           timestamptz not null,
    updated_at           timestamptz not null,
    constraint disputes_pkey primary key (provider_id),
    constraint disputes_payment_fkey foreign key (payment_id) references payments (id),
    constraint disputes_amount_check check (amount_minor > 0),
    constraint disputes_status_check check (status in ('warning_needs_response', 'warning_under_review',
        'warning_closed', 'needs_response', 'under_review', 'won', 'lost', 'prevented')),
    constraint disputes_withdrawn_check check (
        (withdrawn_minor is null) = (withdrawn_fee_minor is null)
        and (withdrawn_minor is null) = (withdrawn_currency is null)),
    constraint disputes_reinstated_check check (
        (reinstated_minor is null) = (reinstated_fee_minor is null)
        and (reinstated_minor is null) = (reinstated_currency is null))
);
create index disputes_payment_id_idx on disputes (payment_id);

-- What all of a payment's disputes come to: which of them weighs most, by when it must be answered, and how much is
-- with a bank, or about to be.
alter table payments
    add column disputed_minor  bigint not null default 0,
    add column evidence_due_by timestamptz,
    add constraint payments_dispute_status_check check (dispute_status in ('none', 'warning_needs_response',
        'warning_under_review', 'warning_closed', 'needs_response', 'under_review', 'won', 'lost', 'prevented')),
    add constraint payments_disputed_check check (disputed_minor >= 0);
