"""So many orders a second, whatever becomes of the answers, and the proof afterwards that each was accepted, and is in the books once."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.contracts.orders import Stock
from tests.chaos.books import check_audit_trail, check_book, wait_until_told
from tests.chaos.sale import PLENTY, Market
from tests.conftest import eventually
from tests.load.bench_orders import MUTATION, graphql_request
from tests.load.generator import Report, Rule, Running, Stampede, start

PER_S = 200.0
# At that pace each is free for two seconds before it is needed again.
BUYERS = 400
# Longer than any deployment.
LONGEST_S = 400.0
# So many orders before and after show that something happened in the middle of them.
FLOWING = 400
FLOWS_WITHIN_S = 30.0
ORDERS = """
select replace(id::text, '-', '') || '-' || replace(drop_id::text, '-', ''), user_id::text, key from orders where drop_id = %s
"""
# A machine that has too much to do turns orders away, whatever is deployed; anything else is a deployment's fault.
RULES = (Rule("accepted", 200, '"status":"CONFIRMED"'), Rule("turned_away", 503, '"BUSY"'), Rule("unavailable", 503))


@dataclass
class SteadyOrders:
    """Under way. Each is asked for once: an answer that says to come back is a failure."""

    market: Market
    drop: Stock
    running: Running

    def wait_for_more(self) -> None:
        enough = self._sold() + FLOWING
        eventually(lambda: self._sold() >= enough, FLOWS_WITHIN_S, every_s=0.2)

    def end(self) -> Report:
        """Once all that was asked is answered."""
        self.running.stop()
        return self.running.result()

    def verify(self, report: Report) -> None:
        """The books have the orders that were accepted, once, and tell of them; and every request was answered with an order."""
        accepted = report.classes["accepted"].count
        answers = {name: seen.count for name, seen in report.classes.items() if seen.count}
        rows = self.market.sql(ORDERS, self.drop.drop_id)
        assert len(rows) == len({(user_id, key) for _, user_id, key in rows}), "a key has two orders"
        assert self._sold() == len(rows) >= accepted, "an accepted order is not in the books"
        check_book(self.market.sql, self.market.orders, self.drop)
        check_audit_trail(self.market.sql, self.drop.drop_id)
        wait_until_told(self.market.sql, self.drop.drop_id, [order_id for order_id, _, _ in rows])
        assert answers == {"accepted": report.attempts}, f"not every order was accepted at once: {answers}"
        assert (report.requests.started, report.requests.unanswered, len(rows)) == (accepted, 0, accepted)

    def _sold(self) -> int:
        [(sold,)] = self.market.sql("select sold from stock where drop_id = %s", self.drop.drop_id)
        return int(sold)


@contextmanager
def steady_orders(market: Market) -> Iterator[SteadyOrders]:
    """For the block, which ends and verifies them."""
    drop = market.open_drop(PLENTY)
    body = {"query": MUTATION, "variables": {"i": {"dropId": drop.drop_id, "quantity": 1, "idempotencyKey": "{key}"}}}
    spec = Stampede(
        port=int(market.address.rpartition(":")[2]),
        request=graphql_request(json.dumps(body), "Authorization: Bearer {token}\r\n"),
        connections=BUYERS,
        tokens=tuple(market.person().token for _ in range(BUYERS)),
        rules=RULES,
        per_second=PER_S,
        max_attempts=1,
        duration_s=LONGEST_S,
    )
    with start(spec) as running:
        yield SteadyOrders(market, drop, running)
