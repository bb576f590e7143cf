"""Search: products, drops and creators by text, filters and rank.

Owns nothing: an index in Elasticsearch, made from events, completed by asking products, orders and users, and made anew at any time.
Units: search (RPC; without Elasticsearch it answers from PostgreSQL, by way of products), search-indexer (events, and the building of indexes).
"""
