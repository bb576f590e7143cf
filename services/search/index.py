"""What an index looks like: names, analysis, fields. Stock names only, so that it is the same on every Elasticsearch."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Raised with every change below that old documents do not fit: a process that finds an older index builds a new one.
LAYOUT = 1
# How soon what was written can be found.
REFRESH_EVERY = "500ms"
# The longest beginning of a word that is indexed.
LONGEST_PREFIX = 15


@dataclass(frozen=True)
class Names:
    """reads: the alias of the index in use. writes: of all indexes that are written to, two while one is built."""

    base: str

    @property
    def reads(self) -> str:
        return self.base

    @property
    def writes(self) -> str:
        return f"{self.base}-writes"

    @property
    def state(self) -> str:
        """The index that keeps how far a reindex is."""
        return f"{self.base}-state"

    @property
    def pattern(self) -> str:
        """Of all indexes that `fresh` names."""
        return f"{self.base}-of-*"

    def fresh(self, now: datetime) -> str:
        return f"{self.base}-of-{now:%Y%m%d%H%M%S}-{secrets.token_hex(2)}"

    @staticmethod
    def door(index: str) -> str:
        """An alias of one index alone, to write through: a write to an index that is gone would make it again, without its mapping."""
        return f"{index}-in"


def definition(names: Names, index: str, shards: int) -> dict[str, Any]:
    """Settings, fields and aliases of a new index. From its first moment on it is written to."""
    settings = {
        "number_of_shards": shards,
        "auto_expand_replicas": "0-1",
        "refresh_interval": REFRESH_EVERY,
        # Highlighting of fuzzy queries is several times faster without.
        "highlight.weight_matches_mode.enabled": False,
        "analysis": ANALYSIS,
    }
    return {"settings": settings, "mappings": MAPPINGS, "aliases": {names.writes: {}, names.door(index): {}}}


ANALYSIS: dict[str, Any] = {
    "char_filter": {"signs": {"type": "mapping", "mappings": ["& => \\u0020and\\u0020", "\\u2019 => '"]}},
    "filter": {
        "beginnings": {"type": "edge_ngram", "min_gram": 1, "max_gram": LONGEST_PREFIX},
        "articles": {"type": "elision", "articles": ["l", "d", "qu", "j", "m", "n", "s", "t", "c"], "articles_case": True},
        "possessive": {"type": "stemmer", "language": "possessive_english"},
        # Light: what it makes of words of other languages is the same for all forms that it meets.
        "stems": {"type": "stemmer", "language": "light_english"},
        # "PS-5" and "ps5", "WiFi" and "wi fi".
        "parts": {"type": "word_delimiter_graph", "catenate_all": True, "preserve_original": True},
    },
    "analyzer": {
        "words": {"tokenizer": "standard", "char_filter": ["signs"], "filter": ["articles", "possessive", "lowercase", "asciifolding"]},
        "stems": {
            "tokenizer": "standard",
            "char_filter": ["signs"],
            "filter": ["articles", "possessive", "lowercase", "asciifolding", "stems"],
        },
        "beginnings": {
            "tokenizer": "standard",
            "char_filter": ["signs"],
            "filter": ["articles", "possessive", "lowercase", "asciifolding", "beginnings", "unique"],
        },
        "codes": {"tokenizer": "whitespace", "filter": ["parts", "lowercase", "asciifolding", "flatten_graph"]},
        "codes_asked": {"tokenizer": "whitespace", "filter": ["lowercase", "asciifolding"]},
    },
}


def _text(**fields: Any) -> dict[str, Any]:
    return {"type": "text", "analyzer": "words", "copy_to": "all", "fields": fields}


_STEM: dict[str, Any] = {"type": "text", "analyzer": "stems"}
_PREFIX: dict[str, Any] = {"type": "text", "analyzer": "beginnings", "search_analyzer": "words", "index_options": "docs", "norms": False}
_CODE: dict[str, Any] = {"type": "text", "analyzer": "codes", "search_analyzer": "codes_asked", "norms": False}
_KEYWORD: dict[str, Any] = {"type": "keyword"}
_STORED: dict[str, Any] = {"type": "keyword", "index": False, "doc_values": False}

MAPPINGS: dict[str, Any] = {
    "dynamic": "strict",
    "_meta": {"layout": LAYOUT},
    "properties": {
        # The kind and the id: what ends a tie.
        "key": _KEYWORD,
        "kind": _KEYWORD,
        "id": _KEYWORD,
        "name": _text(stem=_STEM, prefix=_PREFIX, code=_CODE),
        "description": _text(stem=_STEM),
        "tags": {"type": "keyword", "copy_to": "all", "fields": {"text": {"type": "text", "analyzer": "stems"}}},
        "creator_id": _KEYWORD,
        "creator_name": _text(prefix=_PREFIX),
        # All of the text, to ask whether all the words are there, wherever they are.
        "all": {**_STEM, "norms": False},
        "followers": {"type": "long"},
        "created_at": {"type": "date"},
        "price": {"type": "long"},
        "currency": _KEYWORD,
        "media": _STORED,
        "product_id": _KEYWORD,
        "starts_at": {"type": "date"},
        "ends_at": {"type": "date"},
        "cancelled": {"type": "boolean"},
        "sold_out": {"type": "boolean"},
        # A tombstone, which keeps an older version from coming back. deleted_at: for how long it is kept.
        "deleted": {"type": "boolean"},
        "deleted_at": {"type": "date"},
    },
}
