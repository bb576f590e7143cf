"""What an alert is."""

import re
from dataclasses import dataclass
from typing import Any

# Somebody must look now, at night too; or within the day.
PAGE, TICKET = "page", "ticket"
RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True)
class Record:
    """An expression that is worked out at every look, so that others can look back on it."""

    name: str
    expression: str

    def document(self) -> dict[str, Any]:
        return {"record": self.name, "expr": self.expression}


@dataclass(frozen=True)
class Alert:
    """expression: true for what is alarming; its labels say what. lasting: for how long before anybody is told. summary: one line, with values.

    Two alerts of one name differ in severity, and share a runbook.
    """

    name: str
    expression: str
    lasting: str
    severity: str
    summary: str

    @property
    def runbook(self) -> str:
        return f"{RUNBOOKS}/{kebab(self.name)}.md"

    def document(self) -> dict[str, Any]:
        rule = {"alert": self.name, "expr": self.expression}
        told = {"labels": {"severity": self.severity}, "annotations": {"summary": self.summary, "runbook": self.runbook}}
        return rule | ({"for": self.lasting} if self.lasting else {}) | told


@dataclass(frozen=True)
class Group:
    rules: tuple[Record | Alert, ...]

    def document(self, name: str) -> dict[str, Any]:
        return {"groups": [{"name": name, "rules": [rule.document() for rule in self.rules]}]}


def kebab(name: str) -> str:
    """unit-not-ready for UnitNotReady."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def grown(counter: str, by: str, window: str) -> str:
    """Whether a counter of rare things has grown. It is not there before its first: a mere increase() would not see that one."""
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (increase({counter}[{window}])) > 0 or {grouped} ({counter} unless {counter} offset {window}) > 0"


def quantile(share: float, histogram: str, by: str, window: str) -> str:
    """The time within which this share of what happened in the window was done. by: labels, each followed by a comma."""
    return f"histogram_quantile({share}, sum by ({by}le) (rate({histogram}_bucket[{window}])))"
