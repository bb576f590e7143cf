-- The version of the seller's terms that a stock goes by: older ones, told late, change nothing.
alter table stock add column terms_version bigint not null default 0;
