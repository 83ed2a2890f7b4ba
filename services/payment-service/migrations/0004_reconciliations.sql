-- Reconciliations: when the provider's books were held against ours, and what differed.

create table reconciliations (
    id          bigint      generated always as identity,
    -- `open`: what may still change by itself; `all`: everything.
    scope       text        not null,
    started_at  timestamptz not null,
    ended_at    timestamptz not null,
    -- How many of the provider's objects were looked at.
    checked     bigint      not null,
    repaired    bigint      not null,
    unexplained bigint      not null,
    constraint reconciliations_pkey primary key (id),
    constraint reconciliations_scope_check check (scope in ('open', 'all'))
);

create table reconciliation_findings (
    reconciliation_id bigint  not null,
    -- The provider's object.
    object_id         text    not null,
    -- The order that it belongs to, where we know one.
    order_id          bigint,
    what              text    not null,
    -- How much money our books were wrong about.
    amount_minor      bigint  not null,
    currency          text    not null,
    repaired          boolean not null,
    constraint reconciliation_findings_reconciliation_fkey
        foreign key (reconciliation_id) references reconciliations (id) on delete cascade
);
create index reconciliation_findings_reconciliation_id_idx on reconciliation_findings (reconciliation_id);
create index reconciliations_ended_at_idx on reconciliations (ended_at);
