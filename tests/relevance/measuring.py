"""NDCG of an engine over the judged queries, by class and by half."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tests.relevance.engines import Engine
from tests.relevance.make_set import Query
from tests.relevance.ndcg import ndcg

SPLITS = ("tune", "held_out")


@dataclass(frozen=True)
class Measured:
    """NDCG@10 by query."""

    queries: Sequence[Query]
    scores: Mapping[str, float]

    def of_split(self, split: str) -> float:
        return fmean(self.scores[query.id] for query in self.queries if query.split == split)

    def overall(self) -> float:
        return fmean(self.scores.values())

    def by_class(self) -> dict[str, float]:
        scores = defaultdict[str, list[float]](list)
        for query in self.queries:
            scores[query.kind].append(self.scores[query.id])
        return {kind: fmean(each) for kind, each in scores.items()}

    def worst(self, most: int) -> list[tuple[Query, float]]:
        """Of the half that may be looked at."""
        seen = [(query, self.scores[query.id]) for query in self.queries if query.split == "tune"]
        return sorted(seen, key=lambda each: each[1])[:most]


def measure(engine: Engine, queries: Sequence[Query]) -> Measured:
    return Measured(queries, {query.id: ndcg(engine.search(query.text), query.grades) for query in queries})


def table(measured: Mapping[str, Measured]) -> str:
    """A column for each engine; a row for each half, all, and each class."""
    first = next(iter(measured.values()))
    rows = [(split, [each.of_split(split) for each in measured.values()]) for split in SPLITS]
    rows.append(("all", [each.overall() for each in measured.values()]))
    rows += [(kind, [each.by_class()[kind] for each in measured.values()]) for kind in first.by_class()]
    widths = [max(8, len(name)) for name in measured]
    head = "  ".join(f"{name:>{width}}" for name, width in zip(measured, widths, strict=True))
    lines = [f"{'NDCG@10':14}  {head}"]
    lines += [
        f"{name:14}  " + "  ".join(f"{score:{width}.3f}" for score, width in zip(scores, widths, strict=True)) for name, scores in rows
    ]
    return "\n".join(lines)
