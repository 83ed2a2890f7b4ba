-- What persons do with sagas that are stuck, in the log beside what the saga did itself.

alter table saga_log
    -- Who did it, such as `admin:7` or `operator`; why; by which request, and from which network. Nothing where the
    -- saga did it itself.
    add column actor text,
    add column note text,
    add column request_id text,
    add column network text,
    add constraint saga_log_outcome_check
        check (outcome in ('succeeded', 'parked', 'diverted', 'refused', 'unknown',
                           'retried', 'skipped', 'abandoned')),
    -- An intervention has somebody who answers for it, and a reason.
    add constraint saga_log_intervention_check
        check ((outcome in ('retried', 'skipped', 'abandoned')) = (actor is not null and note is not null));

create function saga_log_is_append_only() returns trigger
    language plpgsql as $$
begin
    raise exception 'the log of a saga is append only';
end
$$;

create trigger saga_log_append_only
    before update or delete or truncate on saga_log
    for each statement execute function saga_log_is_append_only();

-- The list that persons look at first; next to nothing in it.
create index saga_stuck_idx on saga (id) where state = 'stuck';
