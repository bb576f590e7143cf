"""Products and drops: what creators sell, and when.

Owns products and drops, with versions. A drop's stock, once it is announced, is kept by orders; what only orders can judge is asked of
it before a change is made. The clock says when a drop starts and ends.
Store: PostgreSQL, products and drops together by hash(creator_id).
Units: products (RPC), products-stock (what orders tells of sell-outs), products-relay (events), products-clock (starts and ends), media (files,
over HTTP: services/products/media).
"""
