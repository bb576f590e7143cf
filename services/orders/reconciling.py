"""What makes a book balance: the stock row, its orders and its audit trail must tell the same."""

from services.contracts.orders import Finding


def balances(book: Finding) -> bool:
    return (
        book.total == book.available + book.held + book.sold
        and book.available >= 0
        and book.held == book.held_by_orders
        and book.sold == book.sold_by_orders
        and book.version == book.audited_version
    )


def units_astray(book: Finding) -> int:
    """How many units the book is off by, for a metric."""
    return (
        abs(book.total - book.available - book.held - book.sold)
        + abs(book.held - book.held_by_orders)
        + abs(book.sold - book.sold_by_orders)
    )
