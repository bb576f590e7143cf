"""Plain tables for a terminal."""

from collections.abc import Iterator, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Lines of a table. Numbers are flush right, everything else flush left."""
    cells = [list(header), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    right = [any(isinstance(row[column], int) for row in rows) for column in range(len(header))]
    for row in cells:
        aligned = (cell.rjust(width) if flush else cell.ljust(width) for cell, width, flush in zip(row, widths, right, strict=True))
        yield "  ".join(aligned).rstrip()


def _shown(cell: object) -> str:
    return "?" if cell is None else str(cell)
