-- A pinned hold outlives its time: its order's money is under way, or a person has to decide about it. The ledger says
-- who pinned it and why (reasons `pinned` and `unpinned`, which change no stock).

alter table reservations add column pinned_at timestamptz;
