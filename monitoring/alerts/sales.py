"""Books and orders."""

from monitoring.alerts.rule import PAGE, TICKET, Alert, Group, Record, quantile
from monitoring.pace import Pace

# Outcomes of an order that are our fault. A refusal (sold out, not started, too many at once) is an answer.
FAILED = "UNAVAILABLE|DEADLINE_EXCEEDED|INTERNAL"
# A batch of orders takes some 20 ms at its drop's row: who waits ten times as long waits for something stuck.
LONGEST_LOCK_WAIT_S = 0.25
LONGEST_CONNECTION_WAIT_S = 0.5


def group(pace: Pace) -> Group:
    return Group((*_books(pace), *_orders(pace), *_waits(pace)))


def _books(pace: Pace) -> tuple[Alert, ...]:
    return (
        Alert(
            "BooksDoNotBalance",
            "max(livedrops_books_unbalanced) > 0",
            "",
            PAGE,
            '{{ printf "%.0f" $value }} books do not balance: a unit may be sold twice, or lost',
        ),
        Alert("BooksNotChecked", "absent(livedrops_books_unbalanced)", pace.wait("5m"), PAGE, "Nobody checks the books"),
    )


def _orders(pace: Pace) -> tuple[Alert, ...]:
    window = pace.window("5m")
    all_of_them = f"sum(rate(livedrops_orders_total[{window}]))"
    return (
        Alert(
            "OrdersFail",
            f'sum(rate(livedrops_orders_total{{outcome=~"{FAILED}"}}[{window}])) / {all_of_them} > 0.05',
            pace.wait("1m"),
            PAGE,
            "{{ $value | humanizePercentage }} of orders end in an error of ours",
        ),
        Alert(
            "OrdersTurnedAway",
            f'sum(rate(livedrops_orders_total{{outcome="BUSY"}}[{window}])) / {all_of_them} > 0.5'
            f' or max(max_over_time(haproxy_backend_current_queue{{proxy="orders"}}[{window}])) >= 256',
            pace.wait("5m"),
            TICKET,
            "More orders come than are taken in: most buyers are told to come back",
        ),
    )


def _waits(pace: Pace) -> tuple[Record | Alert, ...]:
    window = pace.window("5m")
    return (
        Alert(
            "DropLockWaitsLong",
            f"{quantile(0.95, 'livedrops_drop_lock_wait_seconds', 'drop, ', window)} > {LONGEST_LOCK_WAIT_S}",
            pace.wait("2m"),
            TICKET,
            "Transactions of drop {{ $labels.drop }} wait {{ $value | humanizeDuration }} for its row at p95",
        ),
        Alert(
            "ConnectionsWaitLong",
            f"{quantile(0.95, 'livedrops_store_connection_waited_seconds', 'store, ', window)} > {LONGEST_CONNECTION_WAIT_S}",
            pace.wait("5m"),
            TICKET,
            "Who waits for a connection to {{ $labels.store }} waits {{ $value | humanizeDuration }} at p95",
        ),
        *_clock(pace),
    )


def _clock(pace: Pace) -> tuple[Record | Alert, ...]:
    """Counted, and not a quantile: of a shop's one drop a day, the first since the exporter's start included, a rate knows nothing."""
    late, ago = "livedrops:clock_late", f"livedrops:clock_late offset {pace.window('10m')}"
    seconds = "livedrops_clock_late_seconds"
    return (
        Record(late, f'sum by (what) ({seconds}_count) - sum by (what) ({seconds}_bucket{{le="1"}})'),
        Alert(
            "DropStartsLate",
            f"{late} - {ago} > 0 or ({late} unless {ago}) > 0",
            "",
            TICKET,
            '{{ printf "%.0f" $value }} {{ if eq $labels.what "ends_late" }}ends{{ else }}starts{{ end }} of drops were told more than a second late',
        ),
    )
