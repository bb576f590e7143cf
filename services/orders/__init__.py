"""Orders and stock: who gets what of a limited drop.

Owns the book of each drop (total = available + held + sold, at every instant), the orders, and the append-only audit log of
every change of a stock. One transaction on the drop's row decides a batch of wishes in order of arrival; nothing else decides.
Publishes order.confirmed, order.cancelled, stock.changed, drop.low_stock and drop.sold_out through its outbox.
Store: PostgreSQL, everything keyed by drop_id first, so that it spreads by hash(drop_id); a person's list of orders is a read
model by hash(user_id), built from the events, a moment behind.
Units: orders (RPC), orders-views (the read model), orders-relay (the outbox), orders-reconciler (checks the books).
"""
