"""All that this context keeps in MongoDB, opened together."""

from dataclasses import dataclass

from services.kernel.mongo import Mongo
from services.notifications.broadcasts import Broadcasts
from services.notifications.domain import Lives
from services.notifications.marks import Marks
from services.notifications.notes import Notes
from services.notifications.people import People
from services.notifications.reminders import Reminders


@dataclass(frozen=True)
class Store:
    people: People
    notes: Notes
    broadcasts: Broadcasts
    marks: Marks
    reminders: Reminders

    @classmethod
    def of(cls, mongo: Mongo, lives: Lives) -> "Store":
        """lives: how long each kind is kept."""
        people = People(mongo)
        return cls(people, Notes(mongo, people, lives), Broadcasts(mongo, lives), Marks(mongo), Reminders(mongo))
