"""Whom people follow, as users says."""

from collections.abc import Sequence
from datetime import datetime

from services.contracts.users import MOST_FOLLOWED, Users

# Of whom follows more than this, only the newest are looked at: a page of an inbox asks some hundredths of a second for them.
MOST = 10_000


def followed_by(users: Users, user_id: str) -> dict[str, datetime]:
    """Creators, and since when. Raises Unavailable where users can't be asked."""
    found: dict[str, datetime] = {}
    after = None
    while len(found) < MOST:
        page = users.list_followed(user_id=user_id, first=MOST_FOLLOWED, after=after)
        found |= {one.creator_id: one.followed_at for one in page.followed}
        after = page.next
        if after is None:
            break
    return found


def followed_by_each(users: Users, user_ids: Sequence[str]) -> list[list[str]]:
    """Creators whom each of at most 100 people follows, in the order asked. Raises Unavailable where users can't be asked."""
    told = users.list_followed_ids(user_ids=list(user_ids))
    return [one.creator_ids if one.is_all else [*followed_by(users, user_id)] for user_id, one in zip(user_ids, told, strict=True)]
