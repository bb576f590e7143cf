"""How errors look to a client of GraphQL: errors and userErrors, each with the code of the contract."""

from typing import Any

from graphql import GraphQLError

from services.contracts.errors import Conflict, Forbidden, Internal, InvalidInput, LiveDropsError, NotFound, OrderRefused, from_wire
from services.contracts.orders import Placement
from services.kernel.problems import known

# What a person can mend is an answer of a mutation; the rest is an error of the request.
_USER_ERRORS = (InvalidInput, NotFound, Conflict, OrderRefused, Forbidden)


def as_graphql(error: GraphQLError) -> dict[str, Any]:
    """One entry of a GraphQL answer's errors."""
    if error.original_error is None or isinstance(error.original_error, GraphQLError):  # the request itself is wrong
        extensions = {"code": InvalidInput.code, **(error.extensions or {})}
        return {**error.formatted, "extensions": extensions}
    ours = known(error.original_error)
    return {**error.formatted, "message": ours.message, "extensions": {"code": ours.code, **ours.data}}


def user_errors(error: LiveDropsError) -> list[dict[str, Any]]:
    """userErrors of a mutation's payload. Raises what is no answer but a failure of the request."""
    if not isinstance(error, _USER_ERRORS):
        raise error
    return [{"code": error.code, "message": error.message, "field": error.data.get("field")}]


def of_placement(placement: Placement) -> LiveDropsError:
    return from_wire(placement.error or Internal.code, placement.message, placement.data)
