"""From a question to Elasticsearch's query language, and from its answer back. Pure: everything comes in as arguments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.contracts.products import DropState
from services.contracts.search import Facet, FacetValue, Highlight, SearchFilter, SearchKind, SearchSort
from services.search.ranking import (
    ANY_WORD,
    FACET_SIZE,
    FUZZINESS,
    MAX_EXPANSIONS,
    MOST_ASKED,
    MOST_WORDS,
    PREFIX_LENGTH,
    PRICE_BOUNDS,
    WEIGHTS,
    Weights,
)

Body = dict[str, Any]
# Hits are counted exactly up to here; more are "at least so many".
COUNTED = 10_000
# The server gives up before its caller does.
SERVER_TIMEOUT = "1s"
# How a page is fetched: what the words of a text may be part of.
_HIGHLIGHTED = {"name": 0, "creator_name": 0, "tags.text": 0, "description": 2}
_FRAGMENT_SIZE = 120
_NEWEST: list[Body] = [{"created_at": "desc"}, {"key": "asc"}]
_ORDERS: dict[SearchSort, list[Body]] = {
    SearchSort.RELEVANCE: [{"_score": "desc"}, *_NEWEST],
    SearchSort.NEWEST: _NEWEST,
    SearchSort.PRICE_ASCENDING: [{"price": "asc"}, *_NEWEST],
    SearchSort.PRICE_DESCENDING: [{"price": "desc"}, *_NEWEST],
}
_TYPOS: Body = {"fuzziness": FUZZINESS, "prefix_length": PREFIX_LENGTH, "max_expansions": MAX_EXPANSIONS}
BY_PRICE = (SearchSort.PRICE_ASCENDING, SearchSort.PRICE_DESCENDING)


@dataclass(frozen=True)
class Question:
    """What is asked, as of a moment: it decides which drops are live and how fresh things are, on every page the same."""

    text: str
    filter: SearchFilter
    sort: SearchSort
    now: datetime
    first: int
    facets: bool = False
    after: Sequence[Any] | None = None
    weights: Weights = field(default=WEIGHTS)


def search_body(question: Question) -> Body:
    """The search for a page and one hit more, which tells whether there is another page."""
    body: Body = {
        "query": _query(question),
        "sort": _ORDERS[question.sort],
        "size": question.first + 1,
        "track_total_hits": COUNTED,
        "track_scores": True,
        "timeout": SERVER_TIMEOUT,
        "_source": {"excludes": ["description"]},
    }
    if question.after is not None:
        body["search_after"] = list(question.after)
    if words := question.text.strip():
        body["highlight"] = _highlight(words)
    if question.facets:
        body["aggs"] = _facets(question)
    return body


def _query(question: Question) -> Body:
    conditions = {"filter": conditions_of(question), "must_not": [{"term": {"deleted": True}}]}
    words, best_first = question.text.split()[:MOST_ASKED], question.sort is SearchSort.RELEVANCE
    enough = ANY_WORD if best_first else MOST_WORDS
    found: Body = {"bool": {**conditions, **(_text(words, enough, question.weights) if words else {"must": [{"match_all": {}}]})}}
    return _ranked(found, question) if best_first else found


def conditions_of(question: Question) -> list[Body]:
    """What a hit must be."""
    wanted = question.filter
    conditions: list[Body] = []
    if wanted.kinds:
        conditions.append({"terms": {"kind": [kind.value for kind in wanted.kinds]}})
    if question.sort in BY_PRICE:
        conditions.append({"exists": {"field": "price"}})
    if wanted.states:
        conditions.append({"bool": {"should": [in_state(state, question.now) for state in wanted.states], "minimum_should_match": 1}})
    if wanted.creator_id is not None:
        conditions.append({"term": {"creator_id": wanted.creator_id}})
    if wanted.tags:
        conditions.append({"terms": {"tags": wanted.tags}})
    if wanted.currency is not None:
        conditions.append({"term": {"currency": wanted.currency}})
    bounds = {sign: bound for sign, bound in (("gte", wanted.min_price), ("lte", wanted.max_price)) if bound is not None}
    if bounds:
        conditions.append({"range": {"price": bounds}})
    return conditions


def in_state(state: DropState, now: datetime) -> Body:
    """Which drops are in this state now. The same rule as in `domain.state_at`."""
    moment = _moment(now)
    begun, over = {"range": {"starts_at": {"lte": moment}}}, {"range": {"ends_at": {"lte": moment}}}
    drop, cancelled, sold_out = {"term": {"kind": SearchKind.DROP.value}}, {"term": {"cancelled": True}}, {"term": {"sold_out": True}}
    match state:
        case DropState.CANCELLED:
            return {"bool": {"filter": [drop, cancelled]}}
        case DropState.ENDED:
            return {"bool": {"filter": [drop, over], "must_not": [cancelled]}}
        case DropState.SCHEDULED:
            return {"bool": {"filter": [drop], "must_not": [cancelled, begun, over]}}
        case DropState.SOLD_OUT:
            return {"bool": {"filter": [drop, begun, sold_out], "must_not": [cancelled, over]}}
        case DropState.LIVE:
            return {"bool": {"filter": [drop, begun], "must_not": [cancelled, over, sold_out]}}


def _text(words: Sequence[str], enough: str, weights: Weights) -> Body:
    """Enough of the words must be there, whole, misspelt, or, the last, begun; the more of them and the better the places, the higher the score."""
    *whole, last = words
    found = [_word(word, weights) for word in whole] + [_word(last, weights, begun=True)]
    text = " ".join(words)
    better = [
        _match("all", text, weights.every_word, operator="and"),
        {"match_phrase": {"name": {"query": text, "slop": 1, "boost": weights.phrase}}},
    ]
    return {"must": [{"bool": {"should": found, "minimum_should_match": enough}}], "should": better}


def _word(word: str, weights: Weights, begun: bool = False) -> Body:
    """One word, in the place where it counts most. begun: it may be the beginning of one."""
    places = [
        _match("name", word, weights.name),
        _match("name.stem", word, weights.name_stem),
        _match("name", word, weights.name * weights.fuzzy, **_TYPOS),
        _match("name.code", word, weights.name_code),
        _match("creator_name", word, weights.creator_name),
        _match("creator_name", word, weights.creator_name * weights.fuzzy, **_TYPOS),
        _match("tags.text", word, weights.tags),
        _match("description.stem", word, weights.description),
    ]
    if begun:
        places += [_match("name.prefix", word, weights.name_prefix), _match("creator_name.prefix", word, weights.creator_prefix)]
    return {"dis_max": {"queries": places, "tie_breaker": weights.elsewhere}}


def _match(field: str, words: str, boost: float, **more: Any) -> Body:
    return {"match": {field: {"query": words, "boost": boost, **more}}}


def _ranked(found: Body, question: Question) -> Body:
    """Without scripts, which not every Elasticsearch runs."""
    weights = question.weights
    live = weights.live if question.text.strip() else weights.live_browsing
    over = [in_state(state, question.now) for state in (DropState.ENDED, DropState.CANCELLED)]
    decay = {"origin": _moment(question.now), "scale": f"{weights.freshness_days}d", "decay": 0.5}
    functions: list[Body] = [
        {"weight": 1.0},
        {"field_value_factor": {"field": "followers", "modifier": "log1p", "missing": 0}, "weight": weights.popularity},
        {"exp": {"created_at": decay}, "weight": weights.freshness},
        {"filter": in_state(DropState.LIVE, question.now), "weight": live},
        {"filter": in_state(DropState.SCHEDULED, question.now), "weight": weights.scheduled},
        {"filter": {"bool": {"must_not": over}}, "weight": weights.not_over},
    ]
    return {"function_score": {"query": found, "functions": functions, "score_mode": "sum", "boost_mode": "multiply"}}


def _moment(now: datetime) -> int:
    """Milliseconds since 1970, as the index counts."""
    return int(now.timestamp() * 1000)


# Highlights.


def _highlight(words: str) -> Body:
    """Apart from the query itself, whose other fields have nothing to show."""
    fields = list(_HIGHLIGHTED)
    query = {"multi_match": {"query": words, "type": "bool_prefix", "fields": fields, **_TYPOS}}
    return {
        "encoder": "html",
        "pre_tags": ["<em>"],
        "post_tags": ["</em>"],
        "fragment_size": _FRAGMENT_SIZE,
        "highlight_query": query,
        "fields": {name: {"number_of_fragments": count} for name, count in _HIGHLIGHTED.items()},
    }


def highlights_of(hit: Mapping[str, Any]) -> list[Highlight]:
    found: Mapping[str, list[str]] = hit.get("highlight", {})
    return [Highlight(name.partition(".")[0], found[name]) for name in _HIGHLIGHTED if name in found]


# Facets.


def _facets(question: Question) -> Body:
    """Of what fits, as it is: a filter narrows its own facet, too. Prices only of one currency."""
    facets: Body = {
        "kind": {"terms": {"field": "kind"}},
        "state": {"filters": {"filters": {state.value: in_state(state, question.now) for state in DropState}}},
        "creator": {"terms": {"field": "creator_id", "size": FACET_SIZE}},
        "tag": {"terms": {"field": "tags", "size": FACET_SIZE}},
        "currency": {"terms": {"field": "currency", "size": FACET_SIZE}},
    }
    if question.filter.currency is not None:
        bounds = zip(PRICE_BOUNDS, (*PRICE_BOUNDS[1:], None), strict=True)
        ranges = [{"key": f"{low}-{high or ''}", "from": low, **({"to": high} if high else {})} for low, high in bounds]
        facets["price"] = {"range": {"field": "price", "ranges": ranges}}
    return facets


def facets_of(aggregations: Mapping[str, Any]) -> list[Facet]:
    return [Facet(name, _values(found["buckets"])) for name, found in aggregations.items()]


def _values(buckets: Any) -> list[FacetValue]:
    """Those that any hit has."""
    pairs = buckets.items() if isinstance(buckets, dict) else ((bucket["key"], bucket) for bucket in buckets)
    return [FacetValue(str(value), bucket["doc_count"]) for value, bucket in pairs if bucket["doc_count"]]


# Completions.


def suggest_body(text: str, first: int, now: datetime, weights: Weights = WEIGHTS) -> Body:
    """Names that hold all the words, the last of which may be begun. Twice as many, since some are the same."""
    words = text.strip()
    there: list[Body] = [
        {"match": {"name.prefix": {"query": words, "operator": "and"}}},
        {"match_bool_prefix": {"name": {"query": words, **_TYPOS, "minimum_should_match": "100%", "boost": weights.fuzzy}}},
    ]
    found: Body = {
        "bool": {
            "must": [{"bool": {"should": there, "minimum_should_match": 1}}],
            "should": [{"match_phrase_prefix": {"name": {"query": words, "max_expansions": MAX_EXPANSIONS}}}],
            "must_not": [{"term": {"deleted": True}}],
        }
    }
    question = Question(text, SearchFilter(), SearchSort.RELEVANCE, now, first, weights=weights)
    return {
        "query": _ranked(found, question),
        "size": 2 * first,
        "track_total_hits": False,
        "timeout": SERVER_TIMEOUT,
        "_source": ["kind", "id", "name"],
    }
