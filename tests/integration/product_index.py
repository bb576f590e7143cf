"""An index of products as a shop would make it, with stock names only, and some products in it."""

from typing import Any

SETTINGS: dict[str, Any] = {
    "number_of_shards": 1,
    "number_of_replicas": 0,
    # Highlighting of fuzzy queries is several times faster without.
    "highlight.weight_matches_mode.enabled": False,
    "analysis": {
        "char_filter": {
            "signs": {"type": "mapping", "mappings": ["& => \\u0020and\\u0020"]},
            "quotes": {"type": "mapping", "mappings": ["' => ", "\\u2019 => "]},
        },
        "filter": {
            "prefixes": {"type": "edge_ngram", "min_gram": 2, "max_gram": 15},
            "articles": {"type": "elision", "articles": ["l", "d", "qu"], "articles_case": True},
            "english_stems": {"type": "stemmer", "language": "english"},
            "german_stems": {"type": "stemmer", "language": "light_german"},
            "french_stems": {"type": "stemmer", "language": "light_french"},
            "same_things": {"type": "synonym_graph", "synonyms": ["sneakers, running shoes", "tee => t-shirt"]},
            "models": {"type": "word_delimiter_graph", "catenate_all": True, "preserve_original": True},
        },
        "analyzer": {
            "words": {"tokenizer": "standard", "char_filter": ["signs"], "filter": ["lowercase", "asciifolding", "english_stems"]},
            "asked": {
                "tokenizer": "standard",
                "char_filter": ["signs"],
                "filter": ["lowercase", "asciifolding", "same_things", "english_stems"],
            },
            "prefix": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "prefixes", "unique"]},
            "whole": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]},
            "german_words": {"tokenizer": "standard", "filter": ["lowercase", "german_normalization", "german_stems"]},
            "french_words": {"tokenizer": "standard", "filter": ["articles", "lowercase", "asciifolding", "french_stems"]},
            "model": {"tokenizer": "whitespace", "filter": ["models", "lowercase", "flatten_graph"]},
            "model_asked": {"tokenizer": "whitespace", "filter": ["lowercase"]},
        },
        "normalizer": {"plain": {"type": "custom", "filter": ["lowercase", "asciifolding", "trim"], "char_filter": ["quotes"]}},
    },
}

MAPPINGS: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "id": {"type": "keyword"},
        "brand": {"type": "keyword", "normalizer": "plain"},
        "name": {
            "type": "text",
            "analyzer": "words",
            "search_analyzer": "asked",
            "fields": {
                "prefix": {"type": "text", "analyzer": "prefix", "search_analyzer": "whole"},
                "german": {"type": "text", "analyzer": "german_words"},
                "french": {"type": "text", "analyzer": "french_words"},
                "model": {"type": "text", "analyzer": "model", "search_analyzer": "model_asked"},
            },
        },
        "description": {"type": "text", "analyzer": "english"},
    },
}

PRODUCTS = (
    {"id": "shoes", "brand": "Fleet", "name": "Running Shoes", "description": "Light shoes for runners on the road"},
    {"id": "cream", "brand": "L'Oréal", "name": "Crème pour les mains", "description": "For the skin of your hands"},
    {"id": "house", "brand": "Casa", "name": "Holzhaus, Haus", "description": "A wooden toy"},
    {"id": "horse", "brand": "Stable", "name": "Le cheval d'or", "description": "A golden rocking animal"},
    {"id": "phone", "brand": " SAMSUNG", "name": "Galaxy-S24", "description": "A telephone"},
)
