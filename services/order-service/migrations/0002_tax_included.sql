-- Whether the prices of an order's lines already held its tax. Where they did, the subtotal is what is left of the lines
-- without it, so that the parts of every order add up to its total alike. Orders from before were without.
alter table orders add column tax_included boolean not null default false;
