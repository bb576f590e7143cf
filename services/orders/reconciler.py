"""The reconciler: proves the books against the orders themselves: python -m services.orders.reconciler

Looks at every drop that changed, within seconds, and at all drops each hour. A book that does not balance is logged as an
error at every look, and counted in the gauge orders.reconciler.unbalanced until it balances again.
"""

import logging
import time
from datetime import datetime, timedelta

from services.contracts.orders import Finding
from services.kernel.metrics import Metrics
from services.kernel.postgres import Postgres
from services.kernel.process import enter
from services.kernel.worker import run_rounds
from services.orders.reconciling import balances, units_astray
from services.orders.settings import OrdersSettings
from services.orders.store import Books

log = logging.getLogger("livedrops.reconciler")
PAGE = 200


class Reconciler:
    def __init__(self, postgres: Postgres, metrics: Metrics, settings: OrdersSettings) -> None:
        self._postgres = postgres
        self._books = Books(postgres)
        self._metrics = metrics
        self._settings = settings
        self._since: datetime | None = None
        self._all_due = 0.0
        self._unbalanced: dict[str, Finding] = {}

    def round(self) -> float:
        """Check what changed and what did not balance at the last look, and everything when it is time. Returns the seconds to pause."""
        if time.monotonic() >= self._all_due:
            self._all_due = time.monotonic() + self._settings.reconcile_all_every_s
            self._check_all()
        now = self._books.now()
        self._check({*self._books.changed_since(self._since or now), *self._unbalanced})
        self._since = now - timedelta(seconds=self._settings.reconcile_overlap_s)
        self._tell()
        return self._settings.reconcile_every_s

    def _check_all(self) -> None:
        after = None
        while True:
            page = self._books.check_page(after, PAGE)
            for book in page:
                self._judge(book)
            self._tell()
            if len(page) < PAGE:
                return
            after = page[-1].drop_id

    def _check(self, drop_ids: set[str]) -> None:
        """Some books, a page at a time."""
        wanted = sorted(drop_ids)
        for begin in range(0, len(wanted), PAGE):
            for book in self._books.check(wanted[begin : begin + PAGE]):
                self._judge(book)

    def _judge(self, book: Finding) -> None:
        self._metrics.count("orders.reconciler.checked")
        self._metrics.count("orders.reconciler.units", book.total)
        if balances(book):
            self._unbalanced.pop(book.drop_id, None)
            return
        self._unbalanced[book.drop_id] = book
        self._metrics.count("orders.reconciler.found")
        log.error("A BOOK DOES NOT BALANCE", extra={"book": repr(book)})

    def _tell(self) -> None:
        """Often, in a look at all books too: silence means that nobody checks."""
        self._metrics.gauge("orders.reconciler.unbalanced", len(self._unbalanced))
        self._metrics.gauge("orders.reconciler.units_astray", sum(map(units_astray, self._unbalanced.values())))

    def close(self) -> None:
        self._postgres.close()


def main() -> None:
    settings = OrdersSettings.load_or_exit()
    here = enter(settings)
    postgres = Postgres(settings.orders_postgres_url.get_secret_value(), here.metrics, size=2, name="orders")
    here.require("postgres", postgres.check)
    reconciler = Reconciler(postgres, here.metrics, settings)
    run_rounds(here, reconciler.round, reconciler.close)


if __name__ == "__main__":
    main()
