"""The RPC entrypoints of users."""

from datetime import datetime

from services.contracts.tallies import Tallies
from services.contracts.users import (
    FollowedIds,
    FollowedPage,
    FollowerIds,
    FollowPage,
    FollowState,
    Job,
    JobKind,
    ListPlace,
    Pieces,
    Profile,
    ProfilePage,
    Role,
    Session,
    User,
    UserChange,
    Users,
)
from services.kernel.current_call import CurrentCall
from services.kernel.rpc_server import rpc
from services.users import graph_usecases, usecases
from services.users.providers import DeskProvider, GraphProvider
from services.users.settings import UsersSettings


class UsersService:
    name = "users"
    contract = Users
    settings_class = UsersSettings

    desk = DeskProvider()
    graph = GraphProvider()
    call = CurrentCall()

    @rpc
    def sign_up(self, *, name: str, email: str, password: str) -> User:
        return usecases.sign_up(self.desk, name, email, password)

    @rpc
    def sign_in(self, *, email: str, password: str) -> Session:
        return usecases.sign_in(self.desk, email, password)

    @rpc
    def refresh(self, *, refresh_token: str) -> Session:
        return usecases.refresh(self.desk, refresh_token)

    @rpc
    def sign_out(self, *, refresh_token: str) -> None:
        usecases.sign_out(self.desk, refresh_token)

    @rpc
    def get_user(self, *, user_id: str) -> User:
        return usecases.get_user(self.desk, user_id, self.call)

    @rpc
    def set_roles(self, *, user_id: str, roles: list[Role]) -> User:
        return usecases.set_roles(self.desk, user_id, roles, self.call)

    @rpc
    def become_creator(self, *, user_id: str) -> User:
        return usecases.become_creator(self.desk, user_id, self.call)

    @rpc
    def get_users(self, *, user_ids: list[str]) -> list[User]:
        return usecases.get_users(self.desk, user_ids, self.call)

    @rpc
    def update_user(self, *, user_id: str, change: UserChange) -> User:
        return usecases.update_user(self.desk, user_id, change, self.call)

    @rpc
    def delete_user(self, *, user_id: str) -> None:
        usecases.delete_user(self.desk, user_id, self.call)

    @rpc
    def get_profiles(self, *, user_ids: list[str], fresh: bool) -> list[Profile]:
        return usecases.get_profiles(self.desk, user_ids, fresh)

    @rpc
    def list_profiles(self, *, first: int, after: str | None) -> ProfilePage:
        return usecases.list_profiles(self.desk, first, after, self.call)

    @rpc
    def follow(self, *, user_id: str, creator_id: str) -> FollowState:
        return graph_usecases.follow(self.graph, user_id, creator_id, self.call)

    @rpc
    def unfollow(self, *, user_id: str, creator_id: str) -> FollowState:
        return graph_usecases.unfollow(self.graph, user_id, creator_id, self.call)

    @rpc
    def is_following(self, *, user_id: str, creator_id: str) -> FollowState:
        return graph_usecases.is_following(self.graph, user_id, creator_id)

    @rpc
    def are_following(self, *, user_id: str, creator_ids: list[str]) -> list[bool]:
        return graph_usecases.are_following(self.graph, user_id, creator_ids)

    @rpc
    def list_followers(self, *, creator_id: str, first: int, after: str | None, profiles: bool) -> FollowPage:
        with self.graph.list_sizes.timed(creator_id):
            page = graph_usecases.list_followers(self.graph, creator_id, first, after)
        return graph_usecases.with_profiles(self.graph, page) if profiles else page

    @rpc
    def list_following(self, *, user_id: str, first: int, after: str | None, profiles: bool) -> FollowPage:
        page = graph_usecases.list_following(self.graph, user_id, first, after)
        return graph_usecases.with_profiles(self.graph, page) if profiles else page

    @rpc
    def list_followed(self, *, user_id: str, first: int, after: str | None) -> FollowedPage:
        return graph_usecases.list_followed(self.graph, user_id, first, after, self.call)

    @rpc
    def list_followed_ids(self, *, user_ids: list[str]) -> list[FollowedIds]:
        return graph_usecases.list_followed_ids(self.graph, user_ids, self.call)

    @rpc
    def cut_followers(self, *, creator_id: str, after: ListPlace, size: int, most: int) -> Pieces:
        return graph_usecases.cut_followers(self.graph, creator_id, after, size, most, self.call)

    @rpc
    def list_follower_ids(self, *, creator_id: str, after: ListPlace, until: ListPlace, first: int) -> FollowerIds:
        return graph_usecases.list_follower_ids(self.graph, creator_id, after, until, first, self.call)

    @rpc
    def list_mutual(self, *, user_id: str, first: int, after: str | None, profiles: bool) -> FollowPage:
        page = graph_usecases.list_mutual(self.graph, user_id, first, after)
        return graph_usecases.with_profiles(self.graph, page) if profiles else page

    @rpc
    def find_followers(self, *, creator_id: str, name: str, first: int, after: str | None, profiles: bool) -> FollowPage:
        page = graph_usecases.find_followers(self.graph, creator_id, name, first, after)
        return graph_usecases.with_profiles(self.graph, page) if profiles else page

    @rpc
    def tally_follows(self, *, creator_id: str, until: datetime) -> Tallies:
        return graph_usecases.tally_follows(self.graph, creator_id, until, self.call)

    @rpc
    def start_job(self, *, kind: JobKind) -> Job:
        return graph_usecases.start_job(self.graph, kind, self.call)

    @rpc
    def get_job(self, *, kind: JobKind) -> Job:
        return graph_usecases.get_job(self.graph, kind, self.call)
