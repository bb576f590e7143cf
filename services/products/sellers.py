"""Who may sell."""

from services.contracts.errors import Forbidden
from services.contracts.users import Role
from services.kernel.calls import Call


def require_seller(creator_id: str, call: Call) -> None:
    """Raises Forbidden unless the call is a service's or team's own, that creator's, or an operator's."""
    call.require_person(creator_id)
    if call.viewer and not call.viewer.is_operator() and Role.CREATOR not in call.viewer.roles:
        raise Forbidden("Only creators sell.")
