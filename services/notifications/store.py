"""All that this context keeps in MongoDB, opened together."""

from dataclasses import dataclass

from services.kernel.mongo import Mongo
from services.notifications.broadcasts import Broadcasts
from services.notifications.domain import Lives
from services.notifications.marks import Marks
from services.notifications.notes import Notes
from services.notifications.people import People
from services.notifications.push.deliveries import Deliveries
from services.notifications.push.endpoints import Endpoints
from services.notifications.push.fan_outs import FanOuts
from services.notifications.reminders import Reminders


@dataclass(frozen=True)
class Store:
    people: People
    notes: Notes
    broadcasts: Broadcasts
    marks: Marks
    reminders: Reminders
    endpoints: Endpoints
    deliveries: Deliveries
    fan_outs: FanOuts

    @classmethod
    def of(cls, mongo: Mongo, lives: Lives) -> "Store":
        """lives: how long each kind is kept."""
        people = People(mongo)
        told = Notes(mongo, people, lives), Broadcasts(mongo, lives), Marks(mongo), Reminders(mongo)
        return cls(people, *told, Endpoints(mongo), Deliveries(mongo), FanOuts(mongo))
