-- How much there is of each product, and who holds it.
--
-- Every transaction here locks rows of `stock` first, in ascending order of the product, and only then writes
-- the reservations that these rows are held by. Whoever changes a reservation has thereby locked the stock of all
-- its lines: two changes of one reservation wait for each other, and nobody waits in a circle.

create table stock (
    product_id bigint constraint stock_pkey primary key
        constraint stock_product_fkey references products (id),
    on_hand bigint not null,
    reserved bigint not null default 0,
    -- Counts up with every change.
    version bigint not null default 1,
    constraint stock_adds_up check (0 <= reserved and reserved <= on_hand)
) with (fillfactor = 50); -- room for a new version of the row beside the old one: no index is touched

create table reservations (
    order_id bigint constraint reservations_pkey primary key,
    -- Nobody's in a tombstone.
    user_id bigint,
    -- A tombstone is a release that came before its hold, which is then refused.
    state text not null
        constraint reservations_state_known
            check (state in ('held', 'committed', 'released', 'expired', 'tombstone')),
    -- Tells a repeated hold from another one under the same order.
    lines_hash bytea,
    expires_at timestamptz,
    -- Why it was released.
    reason text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint reservations_hold_is_whole
        check (state = 'tombstone' or (user_id is not null and lines_hash is not null and expires_at is not null))
) with (fillfactor = 80);

create index reservations_by_expiry on reservations (expires_at) where state = 'held';

create table reservation_lines (
    order_id bigint not null constraint reservation_lines_order_fkey references reservations (order_id),
    product_id bigint not null constraint reservation_lines_stock_fkey references stock (product_id),
    quantity bigint not null constraint reservation_lines_quantity_positive check (quantity > 0),
    -- How many went back on the shelf after they had been committed.
    restocked bigint not null default 0
        constraint reservation_lines_restocked_bounded check (restocked between 0 and quantity),
    constraint reservation_lines_pkey primary key (order_id, product_id)
);

-- Every change of stock, written by the statement that makes it. Append only.
create table stock_ledger (
    id bigint generated always as identity constraint stock_ledger_pkey primary key,
    product_id bigint not null,
    location text not null default 'main',
    delta_on_hand bigint not null,
    delta_reserved bigint not null,
    -- opening, held, committed, recommitted, released, expired, restocked, adjusted
    reason text not null,
    -- What was said about it, for adjustments.
    note text,
    order_id bigint,
    -- `system`, or the role and the account such as `seller:7`.
    actor text not null,
    request_id text,
    at timestamptz not null
);

create function stock_ledger_is_append_only() returns trigger
    language plpgsql as $$
begin
    raise exception 'the stock ledger is append only';
end
$$;

create trigger stock_ledger_append_only
    before update or delete or truncate on stock_ledger
    for each statement execute function stock_ledger_is_append_only();

-- The audit: stock rows that disagree with the ledger or with the open holds. No rows is the only good answer.
create function stock_audit()
    returns table (product_id bigint, on_hand bigint, reserved bigint, ledger_on_hand bigint,
                   ledger_reserved bigint, held bigint)
    language sql stable
begin atomic
    select s.product_id, s.on_hand, s.reserved, coalesce(l.on_hand, 0), coalesce(l.reserved, 0), coalesce(h.held, 0)
      from stock s
      left join (select k.product_id, sum(k.delta_on_hand)::bigint as on_hand, sum(k.delta_reserved)::bigint as reserved
                   from stock_ledger k group by k.product_id) l on l.product_id = s.product_id
      left join (select rl.product_id, sum(rl.quantity)::bigint as held
                   from reservations r
                   join reservation_lines rl on rl.order_id = r.order_id
                  where r.state = 'held' group by rl.product_id) h on h.product_id = s.product_id
     where s.on_hand <> coalesce(l.on_hand, 0)
        or s.reserved <> coalesce(l.reserved, 0)
        or s.reserved <> coalesce(h.held, 0)
     order by s.product_id;
end;
