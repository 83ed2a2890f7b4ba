-- Running and ended sagas, and what each of them did.

-- One row per run: all that another process needs to go on where this one stopped.
create table saga (
    id               bigint      generated always as identity,
    name             text        not null,
    -- The definition it was started under; only that definition continues it.
    version          smallint    not null,
    -- What it is about; a saga happens once per subject.
    subject_id       bigint      not null,
    state            text        not null,
    -- The step that is next, or whose answer is waited for; by name, so that a reader needs no table.
    direction        text,
    step             text,
    -- Attempts at this step, and how many of the latest in a row ended in doubt.
    attempt          integer     not null default 0,
    failures         integer     not null default 0,
    -- The start of the current row of attempts; the step's maximum age counts from here.
    first_attempt_at timestamptz not null,
    data             jsonb       not null,
    -- Why it turned back or got stuck.
    reason           jsonb,
    -- Not before this; for a parked saga the time at which it stops waiting.
    wake_at          timestamptz not null,
    -- Counts calls to wake it: one that arrives while a step runs is seen when that step parks.
    wakes            bigint      not null default 0,
    lease_owner      text,
    lease_until      timestamptz,
    -- Raised by each take-over; whoever writes under an older number is refused.
    fence            bigint      not null default 0,
    -- The number of the latest entry in its log.
    log_seq          integer     not null default 0,
    -- Of the request that started it.
    trace            text        not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    constraint saga_pkey primary key (id),
    constraint saga_subject_key unique (name, subject_id),
    constraint saga_state_check
        check (state in ('running', 'parked', 'done', 'undone', 'diverted', 'stuck')),
    constraint saga_direction_check check (direction in ('forward', 'undo', 'branch')),
    constraint saga_place_check
        check ((state in ('running', 'parked', 'stuck')) = (direction is not null and step is not null)),
    constraint saga_lease_check check ((lease_owner is null) = (lease_until is null))
);
-- What workers look for: few rows, since most sagas have ended.
create index saga_due_idx on saga (name, wake_at) where state in ('running', 'parked');
create index saga_open_idx on saga (name, state, created_at) where state in ('running', 'parked', 'stuck');

-- Every attempt whose answer was recorded, in order. Only added to.
create table saga_log (
    saga_id     bigint      not null,
    seq         integer     not null,
    step        text        not null,
    direction   text        not null,
    attempt     integer     not null,
    outcome     text        not null,
    -- The refusal, the error, or how long it waits.
    detail      jsonb,
    started_at  timestamptz not null,
    duration_ms bigint      not null,
    constraint saga_log_pkey primary key (saga_id, seq),
    constraint saga_log_saga_fkey foreign key (saga_id) references saga (id),
    constraint saga_log_direction_check check (direction in ('forward', 'undo', 'branch'))
);
