from typing import Any


def one_cursor_connection(nodes: list[dict[str, Any]], next: str | None, after: str | None) -> dict[str, Any]:
    """A page as a Relay connection, of a list that knows one cursor a page: the last edge's, where there is more."""
    edges: list[dict[str, Any]] = [{"node": node, "cursor": None} for node in nodes]
    if edges:
        edges[-1]["cursor"] = next
    pages = {"hasNextPage": next is not None, "hasPreviousPage": after is not None, "startCursor": None, "endCursor": next}
    return {"edges": edges, "pageInfo": pages}
