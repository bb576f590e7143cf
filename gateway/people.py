"""People and follows: what GraphQL and REST do alike."""

from collections.abc import Callable
from functools import partial

from gateway import inputs
from gateway.context import RequestContext
from services.contracts.errors import InvalidInput
from services.contracts.users import FollowPage, Followship, FollowState, Profile


def change_follow(context: RequestContext, change: Callable[..., FollowState], creator_id: object) -> FollowState:
    """The signed-in person follows or unfollows, as `change` does.

    Raises Unauthenticated, InvalidInput that names the field, and what the change raises.
    """
    viewer = context.require_viewer()
    try:
        state = change(user_id=viewer.id, creator_id=inputs.user_id(creator_id, "creatorId"))
    except InvalidInput as error:
        error.data["field"] = "creatorId"  # the only one that is a client's
        raise
    context.loaders.follows.remember(state.creator_id, state.following)
    return state


def follow_state(context: RequestContext, user_id: str | None, creator_id: str) -> FollowState:
    """Whether that person follows the other; without one, whether the signed-in person does. Raises Unauthenticated where nobody is."""
    who = context.require_viewer().id if user_id is None else user_id
    return context.gateway.users.is_following(user_id=who, creator_id=creator_id)


# One of the lists of users, still to be told which page of it.
Listing = Callable[..., FollowPage]


def followers(context: RequestContext, creator_id: str, name: object) -> Listing:
    """Newest first; with a name, those whose display name begins so, by name. Raises InvalidInput that names the field."""
    gateway = context.gateway
    if name is None:
        return partial(gateway.shared_reads.list_followers, creator_id=creator_id)
    return partial(gateway.users.find_followers, creator_id=creator_id, name=inputs.name(name))


def page_of(context: RequestContext, listing: Listing, asked: inputs.Page, profiles: bool) -> FollowPage:
    """A page of a list; with profiles, those come in the same RPC."""
    page = listing(first=asked.first, after=asked.after, profiles=profiles)
    if profiles:
        known = {profile.user_id: profile for profile in page.profiles}
        for person in page.people:
            context.loaders.profiles.remember(person.user_id, known.get(person.user_id))
    return page


def with_profiles(context: RequestContext, people: list[Followship]) -> list[tuple[Followship, Profile]]:
    """The people of a page that came with profiles. Somebody who was deleted a moment ago is left out."""
    loaders = context.loaders
    loaders.follows.expect(one.user_id for one in people)
    found = [(one, loaders.profiles.load(one.user_id)) for one in people]
    return [(one, profile) for one, profile in found if profile is not None]
