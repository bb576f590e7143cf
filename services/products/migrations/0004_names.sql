-- Browsing by parts of names while the search engine is away.
create extension if not exists pg_trgm;
create index products_by_name on products using gin (lower(name) gin_trgm_ops);
create index drops_by_name on drops using gin (lower(name) gin_trgm_ops);
