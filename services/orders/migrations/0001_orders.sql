-- The books. Every key starts with drop_id, so that no transaction ever touches two shards.

create table stock (
    drop_id uuid not null primary key,
    creator_id uuid not null,
    name text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    total integer not null check (total >= 0),
    available integer not null check (available >= 0),
    held integer not null check (held >= 0),
    sold integer not null check (sold >= 0),
    price_amount bigint not null check (price_amount >= 0),
    price_currency text not null,
    per_user_limit integer check (per_user_limit > 0),
    version bigint not null,
    -- Units that came back to a sold-out drop are sold from this moment on: see docs/adr/0004-sold-out-answers.md.
    resale_at timestamptz,
    opened_as jsonb not null,
    constraint books_balance check (total = available + held + sold)
);
-- distribute: stock by drop_id
-- No other index: an update that touches no indexed column stays on its page (HOT), and a hot drop's row is updated all day.

create table orders (
    drop_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    key text not null,
    quantity integer not null check (quantity > 0),
    status text not null check (status in ('HELD', 'CONFIRMED', 'CANCELLED', 'EXPIRED')),
    name text not null,
    price_amount bigint not null,
    price_currency text not null,
    placed_at timestamptz not null,
    ended_at timestamptz,
    primary key (drop_id, id),
    unique (drop_id, user_id, key)
);
-- distribute: orders by drop_id
-- A person's orders of a drop are found through the key's index, which begins with drop_id and user_id.

create table stock_audit (
    drop_id uuid not null,
    version bigint not null,
    at timestamptz not null,
    actor text not null,
    reason text not null,
    order_id uuid,
    total_before integer not null,
    available_before integer not null,
    held_before integer not null,
    sold_before integer not null,
    total_after integer not null,
    available_after integer not null,
    held_after integer not null,
    sold_after integer not null,
    details jsonb,
    primary key (drop_id, version)
);
-- distribute: stock_audit by drop_id
-- Rows come in the order of time, so a few bytes a range of pages find the latest.
create index stock_audit_time on stock_audit using brin (at) with (pages_per_range = 16);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'stock_audit is append-only';
end $$;
create trigger append_only before update or delete on stock_audit for each row execute function refuse_change();

create table outbox (
    drop_id uuid not null,
    id uuid not null,
    events text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (drop_id, id)
);
-- distribute: outbox by drop_id
-- Rows live for a moment: compressing them would cost more than storing them.
alter table outbox alter column events set storage external;

-- A person's orders: a read model, written from events only.
create table user_orders (
    user_id uuid not null,
    order_id text not null,
    stock_version bigint not null,
    content text not null,
    primary key (user_id, order_id)
);
-- distribute: user_orders by user_id
