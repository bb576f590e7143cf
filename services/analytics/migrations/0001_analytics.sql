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

-- Up to when a drop's orders, or a creator's follows, were counted anew: events of before are in already.
create table rebuilt (
    subject uuid not null primary key,
    until timestamptz not null
);
-- distribute: rebuilt by subject
