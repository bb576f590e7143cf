"""GraphQL documents: parsed, validated, weighed and bounded once, then known by their text.

Bounds: characters (the body's size), tokens, depth, aliases and cost, which is counted in objects: a field with fields is one, below a list of
`first` things that many. The rate limits count points: what fields ask of the mesh, and a little for the objects.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)

from gateway.settings import DoorSettings

# Documents kept; a client has some dozens, all of them have the same.
REMEMBERED = 1_000
# `first` in a variable is only known later: it weighs as the largest page.
LARGEST_PAGE = 100
# What is brought in lists is brought together: so many objects cost what one call does.
OBJECTS_A_POINT = 20
# Fragments that spread fragments can make a short text endless; no honest document has this many fields.
MAX_VISITED = 5_000
# Fields that ask once more for each object they are a field of; the others are brought together.
ASKED_APART = ("drops",)
# What a list field answers that is not told how much.
DEFAULT_PAGE = 20
LISTS = ("myOrders", "followers", "following", "mutualFollows", "products", "drops", "search", "suggest", "files", "notifications")
# What has the promise of an order, by either door.
ORDERS = ("placeOrder", "place_order")
SEVERAL = "several"
# What a field asks of the mesh beyond reading: an order is a transaction, a sign-in some ten milliseconds of hashing.
FIELD_POINTS = {
    **{"placeOrder": 5, "cancelOrder": 5},
    **{"signIn": 20, "signUp": 20, "refresh": 5},
    **{"follow": 2, "unfollow": 2},
    # The address is taken and given up in steps of their own; a deletion goes through every store that knows the person.
    **{"updateProfile": 5, "deleteAccount": 20},
    # A change of a drop is one at products and one at orders; a cancelled one cancels all its orders.
    **{"createProduct": 5, "updateProduct": 5, "scheduleDrop": 5, "changeDrop": 5, "endDrop": 5, "cancelDrop": 20},
    # A row, and a place to send bytes to.
    "upload": 5,
    "becomeCreator": 2,
    # The list of a product's drops is a call of its own for each product.
    "drops": 2,
    # A search costs its engine more than a look-up costs a store.
    **{"search": 2, "suggest": 1},
    # Whom the person follows, and the broadcasts of all of them.
    **{"notifications": 3, "unreadCount": 3, "markNotificationsRead": 3, "markAllNotificationsRead": 3},
    **{"notificationPreferences": 1, "updateNotificationPreferences": 2, "remindMe": 3, "forgetReminder": 2, "isReminded": 1},
    **{"notificationEndpoints": 1, "pushOptions": 1, "removeNotificationEndpoint": 2, "enableNotificationEndpoint": 2},
    # A row, a secret, and what it will cost to send to it.
    "addNotificationEndpoint": 5,
    # A range of sums, and whose drop it is.
    "analytics": 3,
    # It opens a stream, which asks for what a page of the inbox asks for.
    "createLiveTicket": 3,
    # Without fields, but a look-up each; mutual ones are looked up in two lists.
    **{"isFollowing": 1, "mutualFollows": 5},
}


@dataclass(frozen=True)
class Prepared:
    """A document that may run, or the errors of one that may not.

    cost: objects that the largest operation in it may answer. points: what the rate limits count for its costliest operation.
    label: what it is counted as, "read.drop": one of as many as the schema has fields at its root, and a few.
    """

    document: DocumentNode | None = None
    errors: list[GraphQLError] = field(default_factory=list)
    cost: int = 1
    points: int = 1
    label: str = "other.invalid"


class Documents:
    def __init__(self, schema: GraphQLSchema, settings: DoorSettings) -> None:
        self._schema = schema
        self._settings = settings
        self._rules = [*specified_rules] if settings.introspection else [*specified_rules, NoSchemaIntrospectionCustomRule]
        self.prepare = lru_cache(maxsize=REMEMBERED)(self._prepare)

    def _prepare(self, text: str) -> Prepared:
        try:
            document = parse(text, max_tokens=self._settings.max_tokens, no_location=False)
            scale = _Scale(document, self._settings)
            weights = [scale.weigh(operation) for operation in document.definitions if isinstance(operation, OperationDefinitionNode)]
        except GraphQLError as error:
            return Prepared(errors=[_coded(error)])
        errors = validate(self._schema, document, self._rules, max_errors=10)
        label = Prepared.label if errors else label_of(document)
        cost, points = (max(column, default=1) for column in (zip(*weights, strict=True) if weights else ((), ())))
        return Prepared(document, [_coded(error) for error in errors], cost, points, label)


def label_of(document: DocumentNode) -> str:
    """Of a valid document. One that asks for several things is counted as such, as is one whose fields come from a fragment."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    fields = operations[0].selection_set.selections
    is_one = len(operations) == len(fields) == 1 and isinstance(fields[0], FieldNode)
    name = fields[0].name.value if is_one and isinstance(fields[0], FieldNode) else SEVERAL
    if operations[0].operation is not OperationType.MUTATION:
        return f"read.{name}"
    return f"order.{name}" if name in ORDERS else f"write.{name}"


def _coded(error: GraphQLError) -> GraphQLError:
    error.extensions = {"code": "INVALID_INPUT", **(error.extensions or {})}
    return error


class _Scale:
    """Weighs one document. Raises GraphQLError where a bound is passed."""

    def __init__(self, document: DocumentNode, settings: DoorSettings) -> None:
        self._settings = settings
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._aliases = 0
        self._visited = 0
        self._points = 0
        self._parents = 1

    def weigh(self, operation: OperationDefinitionNode) -> tuple[int, int]:
        """Cost and points of one operation. A list is brought as a whole: its objects weigh little, what a field asks beside them all."""
        self._aliases = self._points = 0
        cost = max(1, self._selection(operation.selection_set, 1, ()))
        return cost, max(1, self._points + cost // OBJECTS_A_POINT)

    def _selection(self, selections: SelectionSetNode, depth: int, inside: tuple[str, ...]) -> int:
        if depth > self._settings.max_depth:
            raise GraphQLError(f"The query is nested deeper than {self._settings.max_depth}.", selections)
        cost = 0
        for node in selections.selections:
            cost += self._node(node, depth, inside)
            if cost > self._settings.max_cost:
                raise GraphQLError(f"The query costs more than {self._settings.max_cost} objects.", node)
        return cost

    def _node(self, node: Any, depth: int, inside: tuple[str, ...]) -> int:
        self._visited += 1
        if self._visited > MAX_VISITED:
            raise GraphQLError("The query is too large once its fragments are spread.", node)
        if isinstance(node, FieldNode):
            return self._field(node, depth, inside)
        if isinstance(node, InlineFragmentNode):
            return self._selection(node.selection_set, depth, inside)
        assert isinstance(node, FragmentSpreadNode)
        name = node.name.value
        fragment = self._fragments.get(name)
        if fragment is None or name in inside:  # validation names the mistake
            return 0
        return self._selection(fragment.selection_set, depth + 1, (*inside, name))

    def _field(self, node: FieldNode, depth: int, inside: tuple[str, ...]) -> int:
        if node.alias:
            self._aliases += 1
            if self._aliases > self._settings.max_aliases:
                raise GraphQLError(f"The query has more than {self._settings.max_aliases} aliases.", node)
        name, page, parents = node.name.value, _page(node), self._parents
        self._points += FIELD_POINTS.get(name, 0) * (parents if name in ASKED_APART else 1)
        if node.selection_set is None:
            return 0
        self._parents = parents * page
        within = self._selection(node.selection_set, depth + 1, inside)
        self._parents = parents
        return 1 + within * page


def _page(node: FieldNode) -> int:
    """How many things a list field may answer."""
    for argument in node.arguments:
        if argument.name.value == "first":
            return int(argument.value.value) if isinstance(argument.value, IntValueNode) else LARGEST_PAGE
    return DEFAULT_PAGE if node.name.value in LISTS else 1
