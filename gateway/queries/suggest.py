from typing import Any

from graphql import GraphQLResolveInfo

from gateway import inputs, presenters, searches


def resolve_suggest(_root: Any, info: GraphQLResolveInfo, text: str, first: int) -> dict[str, Any]:
    """Completions of what is being typed. Error codes: INVALID_INPUT (text, first)."""
    found = searches.suggestions(info.context, inputs.search_text(text), inputs.suggested(first))
    return {"suggestions": [presenters.suggestion(one) for one in found.suggestions], "degraded": found.degraded}
