"""What a query asks for below a field."""

from typing import Any

from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode, SelectionSetNode


def asks_for(info: GraphQLResolveInfo, *path: str) -> bool:
    """Whether a field at this path below the one that is resolved is asked for.

    Directives are not looked at: what they leave out is brought for nothing, and nothing is missing.
    """

    def within(selections: SelectionSetNode | None, *path: str) -> bool:
        return any(asks(node, *path) for node in selections.selections) if selections else False

    def asks(node: Any, field: str, *rest: str) -> bool:
        if isinstance(node, FieldNode):
            return node.name.value == field and (not rest or within(node.selection_set, *rest))
        if isinstance(node, FragmentSpreadNode):
            return within(info.fragments[node.name.value].selection_set, field, *rest)
        assert isinstance(node, InlineFragmentNode)
        return within(node.selection_set, field, *rest)

    return any(within(node.selection_set, *path) for node in info.field_nodes)
