-- Sums by minute and by hour. subject: a drop, a creator, or nobody's id for all together.

create table tallies (
    subject uuid not null,
    grain text not null check (grain in ('MINUTE', 'HOUR')),
    at timestamptz not null,
    measure text not null,
    count bigint not null check (count >= 0),
    primary key (subject, grain, at, measure)
);
-- distribute: tallies by subject
-- Rows come in the order of time, so a few bytes a range of pages find the oldest.
create index tallies_age on tallies using brin (at);

-- Which of a drop's orders and cancellations are counted, by the version of its stock that each made: a row a drop, instead of one an event.
create table counted (
    drop_id uuid not null primary key,
    versions int8multirange not null,
    changed_at timestamptz not null default clock_timestamp()
);
-- distribute: counted by drop_id

-- Up to when a drop's orders, or a creator's follows, were counted anew: events of before are in already.
create table rebuilt (
    subject uuid not null primary key,
    until timestamptz not null
);
-- distribute: rebuilt by subject
