-- What the shop sells. Amounts are integer minor units of the product's currency.

create table categories (
    id bigint generated always as identity primary key,
    parent_id bigint constraint categories_parent_fkey references categories (id),
    name text not null,
    slug text not null constraint categories_slug_key unique,
    description text not null default '',
    version bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint categories_not_own_parent check (parent_id <> id)
);

create index categories_by_parent on categories (parent_id);

-- What a search looks in: the name, then the SKU, the tags, the description. Words are stemmed; those of the
-- name are kept as they stand too. Immutable in fact: the configurations are named, not looked up.
create function product_words(name text, sku text, tags text[], description text) returns tsvector
    language sql immutable parallel safe
    return setweight(to_tsvector('pg_catalog.english', name), 'A')
        || setweight(to_tsvector('pg_catalog.simple', name), 'A')
        || setweight(to_tsvector('pg_catalog.simple', sku), 'B')
        || setweight(to_tsvector('pg_catalog.english', array_to_string(tags, ' ')), 'C')
        || setweight(to_tsvector('pg_catalog.english', description), 'D');

create table products (
    id bigint generated always as identity primary key,
    seller_id bigint not null,
    category_id bigint constraint products_category_fkey references categories (id),
    name text not null,
    slug text not null constraint products_slug_key unique,
    sku text not null,
    description text not null default '',
    currency text not null,
    price_minor bigint not null constraint products_price_positive check (price_minor >= 0),
    -- What it cost before, to show beside the price.
    compare_at_minor bigint constraint products_compare_at_positive check (compare_at_minor >= 0),
    -- Names of files in the image folder, or addresses elsewhere; the first one is shown in lists.
    images text[] not null default '{}',
    tags text[] not null default '{}',
    featured boolean not null default false,
    -- Off sale while false: hidden and not ordered, but its seller's to change.
    active boolean not null default true,
    -- Counts up with every change of this row; half of the ETag.
    version bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- Deleted softly: gone from the catalogue, kept for the orders that name it. Frees neither slug nor SKU.
    deleted_at timestamptz,
    words tsvector not null generated always as (product_words(name, sku, tags, description)) stored
);

create unique index products_sku_key on products (lower(sku));
create index products_by_words on products using gin (words);
create index products_by_tags on products using gin (tags);
create index products_by_price on products (price_minor, id) where active and deleted_at is null;
create index products_by_name on products (lower(name), id) where active and deleted_at is null;
create index products_by_seller on products (seller_id, id) where active and deleted_at is null;
create index products_by_category on products (category_id, id);
create index products_for_sale on products (id) where active and deleted_at is null;
