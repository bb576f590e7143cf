"""Show how well each engine answers the judged queries: python -m tests.relevance.table [--worst N]

Engines are those of ENGINES, in columns: the plain one, the search service's, and that with one signal after the other switched off. Uses
the servers of the test stack, which it starts where they are not up and leaves up.
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from stack.api import Stack
from tests.relevance.engines import Engine, plain_multi_match
from tests.relevance.judged import JudgedSet, load
from tests.relevance.measuring import Measured, measure, table
from tests.relevance.ours import ours, without

# By the column's name: given Elasticsearch's address and the set, an engine with the set in it for the block.
ENGINES: dict[str, Callable[[str, JudgedSet], AbstractContextManager[Engine]]] = {
    "plain": plain_multi_match,
    "ours": ours,
    **{f"no {signal}": without(signal) for signal in ("fuzzy", "name_prefix", "name_stem", "creator_name", "tags", "popularity", "live")},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="also the N worst queries of each engine, of those to tune by")
    worst = parser.parse_args().worst
    stack = Stack.of_profile("test")
    stack.up(servers_only=True, progress=lambda line: print(line, file=sys.stderr))
    if not stack.has("elasticsearch"):
        print(f"no Elasticsearch here: {stack.why_absent('elasticsearch')}", file=sys.stderr)
        return 1
    url, judged = stack.environment("operations")["LIVEDROPS_SEARCH_ELASTICSEARCH_URL"], load()
    measured = dict[str, Measured]()
    for name, opened in ENGINES.items():
        with opened(url, judged) as engine:
            measured[name] = measure(engine, judged.queries)
    print(table(measured))
    for name, each in measured.items():
        for query, score in each.worst(worst):
            print(f"{name}: {score:.3f} {query.kind} {query.text!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
