-- Which pictures the storage has files of. A row is written before the files, and goes after them: what is in no row
-- has been put there by somebody else, or before a restore.
create table pictures (
    id text primary key constraint pictures_id_is_hash check (id ~ '^[0-9a-f]{64}$'),
    -- When it was stored, or named by a write of a product, the later of both.
    used_at timestamptz not null,
    -- Set when no product has named it for long: its files are being deleted, and no product may name it any more.
    doomed_at timestamptz
);

create index pictures_doomed on pictures (id) where doomed_at is not null;
