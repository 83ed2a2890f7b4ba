-- The ledger: what happened to money, as double entries. Written by the transaction of the fact, never changed.

create table ledger_entries (
    id         bigint      generated always as identity,
    payment_id bigint      not null,
    -- The provider's object and what became of it: a fact that is met again posts nothing.
    object_id  text        not null,
    fact       text        not null,
    currency   text        not null,
    at         timestamptz not null,
    constraint ledger_entries_pkey primary key (id),
    constraint ledger_entries_object_fact_key unique (object_id, fact),
    constraint ledger_entries_payment_fkey foreign key (payment_id) references payments (id),
    constraint ledger_entries_fact_check check (fact in ('captured', 'mismatched', 'accepted', 'refunded',
        'refund_returned', 'withdrawn', 'reinstated')),
    constraint ledger_entries_currency_check check (currency ~ '^[A-Z]{3}$')
);
create index ledger_entries_payment_id_idx on ledger_entries (payment_id);

create table ledger_lines (
    entry_id     bigint not null,
    account      text   not null,
    -- A debit above zero, a credit below; in minor units of the entry's currency.
    amount_minor bigint not null,
    constraint ledger_lines_pkey primary key (entry_id, account),
    constraint ledger_lines_entry_fkey foreign key (entry_id) references ledger_entries (id),
    constraint ledger_lines_account_check check (account in ('provider', 'provider_fees', 'sales', 'refunds',
        'unmatched', 'disputed', 'fees')),
    constraint ledger_lines_amount_check check (amount_minor <> 0)
);
-- What is looked for among few; nearly every entry touches the other two.
create index ledger_lines_account_idx on ledger_lines (account, entry_id)
 where account not in ('provider', 'sales');

-- All lines of an entry come with one statement, and that statement is refused unless they add up to nothing.
create function ledger_lines_balance() returns trigger
    language plpgsql as $$
begin
    if exists (select from added group by entry_id having sum(amount_minor) <> 0) then
        raise exception 'a ledger entry does not balance' using errcode = 'check_violation';
    end if;
    return null;
end
$$;

create trigger ledger_lines_balanced
    after insert on ledger_lines referencing new table as added
    for each statement execute function ledger_lines_balance();

create function ledger_is_append_only() returns trigger
    language plpgsql as $$
begin
    raise exception 'the ledger is append only';
end
$$;

create trigger ledger_entries_append_only
    before update or delete or truncate on ledger_entries
    for each statement execute function ledger_is_append_only();
create trigger ledger_lines_append_only
    before update or delete or truncate on ledger_lines
    for each statement execute function ledger_is_append_only();

-- What happened before there was a ledger.
insert into ledger_entries (payment_id, object_id, fact, currency, at)
select id, payment_intent_id, case when mismatched then 'mismatched' else 'captured' end, currency, updated_at
  from payments
 where captured_minor > 0
 order by id;
insert into ledger_entries (payment_id, object_id, fact, currency, at)
select p.id, r.provider_id, 'refunded', p.currency, r.updated_at
  from refunds r
  join payments p on p.id = r.payment_id
 where r.status = 'succeeded'
 order by r.id;
insert into ledger_lines (entry_id, account, amount_minor)
select e.id, line.account, line.amount_minor
  from ledger_entries e
  join payments p on p.id = e.payment_id
  left join refunds r on r.provider_id = e.object_id
 cross join lateral (
       select 'provider', case e.fact when 'refunded' then - r.amount_minor else p.captured_minor end
        union all
       select case when p.mismatched then 'unmatched' when e.fact = 'refunded' then 'refunds' else 'sales' end,
              case e.fact when 'refunded' then r.amount_minor else - p.captured_minor end
       ) as line (account, amount_minor);
