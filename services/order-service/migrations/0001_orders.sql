-- Orders, their lines and their history. Amounts are integer minor units of the order's currency.

create table orders (
    id bigint generated always as identity primary key,
    -- What customers quote: random, so that it tells nothing of how much the shop sells.
    order_number text not null constraint orders_number_key unique,
    user_id bigint not null,
    status text not null
        constraint orders_status_known check (status in
            ('pending', 'confirmed', 'paid', 'processing', 'shipped', 'delivered', 'cancelled', 'refunded')),
    payment_status text not null default 'pending'
        constraint orders_payment_status_known check (payment_status in
            ('pending', 'processing', 'requires_action', 'failed', 'succeeded', 'cancelled', 'mismatch',
             'partially_refunded', 'refunded')),
    fulfillment_status text not null default 'unfulfilled'
        constraint orders_fulfillment_status_known check (fulfillment_status in
            ('unfulfilled', 'partial', 'fulfilled', 'partially_returned', 'returned')),
    -- Counts up with every change: the ETag, and what compare-and-set compares.
    version bigint not null default 1,
    currency text not null,
    subtotal_minor bigint not null constraint orders_subtotal_positive check (subtotal_minor >= 0),
    tax_minor bigint not null constraint orders_tax_positive check (tax_minor >= 0),
    shipping_minor bigint not null constraint orders_shipping_positive check (shipping_minor >= 0),
    discount_minor bigint not null default 0
        constraint orders_discount_bounded check (discount_minor between 0 and subtotal_minor),
    total_minor bigint not null
        constraint orders_total_adds_up
            check (total_minor = subtotal_minor + tax_minor + shipping_minor - discount_minor),
    shipping_address text not null,
    shipping_city text,
    shipping_state text,
    shipping_zip text,
    shipping_country text,
    customer_notes text,
    tracking_number text,
    carrier text,
    payment_intent_id text,
    cancel_reason text,
    -- When an order that nobody pays is given up.
    expires_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create index orders_by_user on orders (user_id, id desc);
-- For the cap on unpaid orders: few rows, whatever the account has bought before.
create index orders_unpaid_by_user on orders (user_id) where status in ('pending', 'confirmed');

create table order_lines (
    id bigint generated always as identity primary key,
    order_id bigint not null constraint order_lines_order_fkey references orders (id),
    position smallint not null,
    product_id bigint not null,
    seller_id bigint not null,
    -- Snapshots: what the catalogue said when the order was placed.
    name text not null,
    sku text not null,
    image_url text,
    quantity integer not null constraint order_lines_quantity_positive check (quantity > 0),
    unit_price_minor bigint not null,
    line_total_minor bigint not null
        constraint order_lines_total_multiplies check (line_total_minor = unit_price_minor * quantity),
    fulfillment text not null default 'unfulfilled'
        constraint order_lines_fulfillment_known check (fulfillment in ('unfulfilled', 'shipped', 'delivered')),
    constraint order_lines_position_key unique (order_id, position)
);

create index order_lines_by_seller on order_lines (seller_id, order_id desc);

-- Every status an order has been in, written by the transaction that moved it. Append only.
create table order_history (
    id bigint generated always as identity primary key,
    order_id bigint not null constraint order_history_order_fkey references orders (id),
    from_status text,
    to_status text not null,
    actor_type text not null,
    actor_id bigint,
    note text,
    request_id text,
    at timestamptz not null
);

create index order_history_by_order on order_history (order_id, id);

-- What payment-service has told us of an order's money: one row a fact, however often it is told.
create table payment_facts (
    order_id bigint not null constraint payment_facts_order_fkey references orders (id),
    fact text not null,
    amount_minor bigint not null,
    currency text not null,
    at timestamptz not null,
    constraint payment_facts_pkey primary key (order_id, fact)
);
