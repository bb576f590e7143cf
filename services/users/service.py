"""The RPC entrypoints of users."""

from services.contracts.users import Role, Session, User, Users
from services.kernel.current_call import CurrentCall
from services.kernel.rpc_server import rpc
from services.users import usecases
from services.users.providers import DeskProvider
from services.users.settings import UsersSettings


class UsersService:
    name = "users"
    contract = Users
    settings_class = UsersSettings

    desk = DeskProvider()
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
