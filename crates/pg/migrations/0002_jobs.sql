-- The job queue: work to be done later, at least once, written by the transaction that makes it necessary.

create table job (
    id           bigint      generated always as identity,
    -- What it is listed and counted under.
    queue        text        not null,
    -- Which handler runs it.
    kind         text        not null,
    -- What the handler needs to know: ids, not personal data.
    payload      jsonb       not null,
    -- 0 before 1 before 2, among the jobs of one kind.
    priority     smallint    not null,
    state        text        not null default 'waiting',
    -- Not before this.
    run_at       timestamptz not null,
    -- How often it was begun since it was enqueued or requeued, and how often it may be.
    attempts     integer     not null default 0,
    max_attempts integer     not null,
    -- Raised by each claim and never lowered; whoever writes under an older number is refused.
    fence        bigint      not null default 0,
    lease_until  timestamptz,
    -- At most one job that has not ended has it, per queue.
    unique_key   text,
    -- What the latest attempt that failed said.
    last_error   text,
    -- Of the request that enqueued it, or empty.
    trace        text        not null,
    created_at   timestamptz not null,
    -- When it was done or given up.
    ended_at     timestamptz,
    constraint job_pkey primary key (id),
    constraint job_state_check check (state in ('waiting', 'running', 'done', 'dead')),
    constraint job_priority_check check (priority between 0 and 2),
    constraint job_max_attempts_check check (max_attempts > 0),
    constraint job_lease_check check ((state = 'running') = (lease_until is not null)),
    constraint job_ended_check check ((state in ('done', 'dead')) = (ended_at is not null))
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

-- What workers look for: one range per kind and priority, in the order in which it is taken.
create index job_due_idx on job (queue, kind, priority, run_at, id) where state = 'waiting';
-- What may have lost its worker. The lease is not in it, so that a heartbeat touches no index.
create index job_running_idx on job (queue, id) where state = 'running';
create unique index job_unique_key on job (queue, unique_key)
    where unique_key is not null and state in ('waiting', 'running');
-- For people: what was given up, and what is kept of what was done.
create index job_ended_idx on job (state, queue, id) where state in ('done', 'dead');

-- What is enqueued by the clock. A run is given out by moving next_at on, in the transaction that enqueues.
create table job_schedule (
    name    text        not null,
    -- As the program has it; a changed one starts anew.
    spec    text        not null,
    next_at timestamptz not null,
    last_at timestamptz,
    constraint job_schedule_pkey primary key (name)
);
