-- What a creator sells. Every key starts with creator_id, so that a creator's products and drops are together on one shard.

create table products (
    creator_id uuid not null,
    id uuid not null,
    name text not null,
    description text not null,
    tags text[] not null,
    media uuid[] not null,
    price_amount bigint not null check (price_amount >= 0),
    price_currency text not null,
    version bigint not null,
    created_as jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (creator_id, id)
);
-- distribute: products by creator_id
create index products_of_creator on products (creator_id, created_at desc, id desc);
create index products_newest on products (created_at desc, id desc);

create table drops (
    creator_id uuid not null,
    id uuid not null,
    product_id uuid not null,
    name text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    stock integer not null check (stock > 0),
    per_user_limit integer check (per_user_limit > 0),
    price_amount bigint not null check (price_amount >= 0),
    price_currency text not null,
    metadata jsonb not null,
    cancelled_at timestamptz,
    version bigint not null,
    scheduled_as jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- A change that orders has still to judge: the drop as it would be.
    proposed jsonb,
    proposed_at timestamptz,
    -- What orders tells, at that version of its stock.
    sold_out boolean not null default false,
    stock_version bigint not null default 0,
    -- What the clock has done: asked orders whether it knows the drop, told the start, told the end.
    prepared boolean not null default false,
    started_told boolean not null default false,
    ended_told boolean not null default false,
    primary key (creator_id, id),
    check (ends_at > starts_at)
);
-- distribute: drops by creator_id
create index drops_of_creator on drops (creator_id, starts_at, id);
create index drops_by_start on drops (starts_at, id);
create index drops_to_start on drops (starts_at) where not started_told and cancelled_at is null;
create index drops_to_end on drops (ends_at) where not ended_told and cancelled_at is null;
create index drops_proposed on drops (proposed_at) where proposed is not null;

-- Where a product or drop is, for those who know only its id.
create table places (
    id uuid not null primary key,
    creator_id uuid not null
);
-- distribute: places by id

create table outbox (
    creator_id uuid not null,
    id uuid not null,
    events text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (creator_id, id)
);
-- distribute: outbox by creator_id
alter table outbox alter column events set storage external;
