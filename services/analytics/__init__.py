"""Analytics: how many, by minute and by hour, of a drop, of a creator, and of all together.

Owns sums, nothing that anybody decides by: orders and follows are counted from their events, each once, and can be counted anew from those who
own them; views and refusals come from the gateways, which alone see them.

service.py: RPC. handlers.py: events, and tidying. usecases.py: what they do. domain.py: what an event adds to which sums. store.py: PostgreSQL.
"""
