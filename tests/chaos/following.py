"""People who follow and unfollow at random while something breaks, and the proof afterwards that nothing was lost or made up."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from services.contracts.users import User, Users
from tests.chaos.buyers import GIVES_UP_AFTER_S
from tests.chaos.fans import Fan
from tests.chaos.graph import UsersStore, check_acknowledged, check_derived, check_heard, edges_of
from tests.chaos.witness import Witness
from tests.conftest import eventually

# So many changes before and after a disturbance show that it came while people were at it.
FLOWING = 50
# Signing up hashes a password each time; so many at once keep the service busy.
SIGNING_UP = 8
# A reader has to be started, and to wait for the lease of the one before.
TOLD_AGAIN_WITHIN_S = 45.0


@dataclass(frozen=True)
class Circle:
    """What a test of follows needs of the fixtures. store: the database that the users service works with."""

    users: Users
    sign_up: Callable[[], User]
    store: UsersStore
    broker_url: str


@dataclass
class Crowd:
    """People, and clients that follow and unfollow in their names, each in a thread."""

    circle: Circle
    people: list[str]
    fans: list[Fan]
    witness: Witness | None
    _closed: threading.Event = field(default_factory=threading.Event)
    _clicking: list[Future[None]] = field(default_factory=list)

    def acknowledged(self) -> int:
        return sum(len(fan.acknowledged) for fan in self.fans)

    def wait_for_answers(self, more: int = FLOWING, timeout_s: float = GIVES_UP_AFTER_S) -> None:
        """Until so many more wishes were acknowledged."""
        enough = self.acknowledged() + more
        eventually(lambda: self._goes_on() and self.acknowledged() >= enough, timeout_s)

    def wait_for_events(self, more: int = FLOWING) -> None:
        """Until the reader has told of so many more changes. Somebody must be watching."""
        witness = self.witness
        assert witness is not None
        enough = len(witness) + more
        eventually(lambda: self._goes_on() and len(witness) >= enough, TOLD_AGAIN_WITHIN_S, every_s=0.01)

    def verify(self) -> None:
        """What was acknowledged holds, what it leads to was derived, and both were told. It must be over."""
        edges = edges_of(self.circle.store, self.people)
        check_acknowledged(edges, self.fans)
        if self.witness is not None:
            check_heard(self.witness, edges, self.fans)
        check_derived(self.circle.store, self.circle.users, edges, self.people)

    def report(self) -> str:
        """What it was like."""
        setbacks = sum((fan.setbacks for fan in self.fans), Counter[str]())
        heard = self.witness.heard("follow.created", "follow.removed") if self.witness else []
        events = [event for event in heard if event.data["user_id"] in self.people]
        different = len({event.id for event in events})
        return (
            f"{self.acknowledged()} follows and unfollows acknowledged, {different} events, {len(events) - different} heard again; "
            f"one client waited {max(fan.longest_wait_s for fan in self.fans):.2f} s at most; repeated for {dict(setbacks)}"
        )

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        with ThreadPoolExecutor(len(self.fans), "fan") as threads:
            self._clicking = [threads.submit(fan.click, self._closed.wait) for fan in self.fans]
            try:
                yield
            finally:
                self._closed.set()
        self._goes_on()

    def _goes_on(self) -> bool:
        """Raises what a client ran into."""
        for ended in wait(self._clicking, timeout=0, return_when=FIRST_EXCEPTION).done:
            ended.result()
        return True


@contextmanager
def following(circle: Circle, *, people: int = 40, creators: int = 6, clients: int = 12, watched: bool = True) -> Iterator[Crowd]:
    """People follow creators and leave them for the block. At its end all get their last answers, and everything is verified.

    watched: another consumer counts the events as well; its queue does not outlive the broker.
    """
    seed = random.randrange(2**32)
    luck = random.Random(seed)
    with ThreadPoolExecutor(SIGNING_UP) as threads:
        ids = [user.id for user in threads.map(lambda _: circle.sign_up(), range(people + creators))]
    pairs = [(user_id, creator_id) for user_id in ids[creators:] for creator_id in ids[:creators]]
    with Witness.of(circle.broker_url, "follow.#") if watched else nullcontext() as witness:
        crowd = Crowd(circle, ids, [Fan(circle.users, pairs, random.Random(luck.random())) for _ in range(clients)], witness)
        with crowd._under_way():
            yield crowd
        try:
            crowd.verify()
        finally:
            print(f"\n  follows of seed {seed}: {crowd.report()}")
