# ruff: noqa: RUF001 (letters that look alike are what this is about)
"""Each part of analysis gives the tokens that Elasticsearch's reference, Lucene's tests or snowballstem.org give for it.

On an ordinary Elasticsearch (LIVEDROPS_SEARCH_ELASTICSEARCH_URL) the same tests hold.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elasticsearch import BadRequestError, Elasticsearch

Analyze = Callable[..., list[str]]

QUICK = "The 2 QUICK Brown-Foxes jumped over the lazy dog's bone."
DELIMITED = "Neil's-Super-Duper-XL500--42+AutoCoder"

# Of the reference's page for each filter, where it has one. Columns: filters, text, tokens; tokenizer "whitespace" but for "trim".
TOKEN_FILTERS: list[tuple[list[Any], str, list[str]]] = [
    (["asciifolding"], "açaí à la carte", ["acai", "a", "la", "carte"]),
    ([{"type": "asciifolding", "preserve_original": True}], "açaí", ["acai", "açaí"]),
    (["lowercase"], "THE Quick FoX JUMPs", ["the", "quick", "fox", "jumps"]),
    ([{"type": "lowercase", "language": "turkish"}], "IĞDIR", ["ığdır"]),
    (["uppercase"], "the Quick FoX", ["THE", "QUICK", "FOX"]),
    (["edge_ngram"], "the quick fox", ["t", "q", "f"]),
    ([{"type": "edge_ngram"}], "the quick fox", ["t", "th", "q", "qu", "f", "fo"]),
    ([{"type": "edge_ngram", "min_gram": 2, "max_gram": 3, "preserve_original": True}], "foxes", ["fo", "fox", "foxes"]),
    ([{"type": "edge_ngram", "max_gram": 2, "side": "back"}], "fox", ["x", "ox"]),
    (["ngram"], "Quick fox", ["Q", "Qu", "u", "ui", "i", "ic", "c", "ck", "k", "f", "fo", "o", "ox", "x"]),
    ([{"type": "ngram", "min_gram": 3, "max_gram": 3}], "foxes", ["fox", "oxe", "xes"]),
    (["elision"], "j’examine près du wharf", ["examine", "près", "du", "wharf"]),
    ([{"type": "elision", "articles": ["l", "m"], "articles_case": True}], "L'avion m'aime j'ai", ["avion", "aime", "j'ai"]),
    (["unique"], "the quick fox jumps the lazy fox", ["the", "quick", "fox", "jumps", "lazy"]),
    (["truncate"], "the quinquennial extravaganza carried on", ["the", "quinquenni", "extravagan", "carried", "on"]),
    ([{"type": "truncate", "length": 3}], "carried on", ["car", "on"]),
    (["reverse"], "quick fox jumps", ["kciuq", "xof", "spmuj"]),
    ([{"type": "length", "max": 4}], "the quick brown fox jumps over the lazy dog", ["the", "fox", "over", "the", "lazy", "dog"]),
    ([{"type": "limit", "max_token_count": 2}], "quick fox jumps over lazy dog", ["quick", "fox"]),
    ([{"type": "keep", "keep_words": ["dog", "elephant", "fox"]}], "the quick fox jumps over the lazy dog", ["fox", "dog"]),
    (["apostrophe"], "Istanbul'a veya Istanbul'dan", ["Istanbul", "veya", "Istanbul"]),
    (["decimal_digit"], "१-one two-२ ३", ["1-one", "two-2", "3"]),
    (["cjk_width"], "ｼｰｻｲﾄﾞﾗｲﾅｰ", ["シーサイドライナー"]),
    (["german_normalization"], "weißbier", ["weissbier"]),
    (["scandinavian_folding"], "räksmörgås", ["raksmorgas"]),
    (["scandinavian_normalization"], "räksmörgås", ["ræksmørgås"]),
    (["arabic_normalization"], "أحمد", ["احمد"]),
    (["persian_normalization"], "های", ["هاي"]),
    (
        [{"type": "pattern_replace", "pattern": "(dog)", "replacement": "watch$1"}],
        "foxes jump lazy dogs",
        ["foxes", "jump", "lazy", "watchdogs"],
    ),
    (["stemmer"], "the foxes jumping quickly", ["the", "fox", "jump", "quickli"]),
    (["porter_stem"], "the foxes jumping quickly", ["the", "fox", "jump", "quickli"]),
    (["kstem"], "the foxes jumping quickly", ["the", "fox", "jump", "quick"]),
    ([{"type": "snowball", "language": "English"}], "the foxes jumping quickly", ["the", "fox", "jump", "quick"]),
    ([{"type": "keyword_marker", "keywords": ["jumping"]}, "stemmer"], "fox running and jumping", ["fox", "run", "and", "jumping"]),
    ([{"type": "stemmer_override", "rules": ["running, runs => run", "mice => mouse"]}], "mice runs", ["mouse", "run"]),
    (
        ["keyword_repeat", "stemmer", "remove_duplicates"],
        "fox running and jumping",
        ["fox", "running", "run", "and", "jumping", "jump"],
    ),
    ([{"type": "synonym", "synonyms": ["universe, cosmos"]}], "the universe", ["the", "universe", "cosmos"]),
    ([{"type": "synonym", "synonyms": ["universe, cosmos"], "expand": False}], "the cosmos", ["the", "universe"]),
    ([{"type": "synonym_graph", "synonyms": ["i-pod, i pod => ipod"]}], "an i pod", ["an", "ipod"]),
    (["lowercase", {"type": "synonym_graph", "synonyms": ["TV => Television"]}], "tv", ["television"]),
    (
        [{"type": "stop", "stopwords": ["bar"]}, {"type": "synonym_graph", "lenient": True, "synonyms": ["foo, bar => baz"]}],
        "foo bar",
        ["baz"],
    ),
    (["word_delimiter_graph"], DELIMITED, ["Neil", "Super", "Duper", "XL", "500", "42", "Auto", "Coder"]),
    (["word_delimiter"], DELIMITED, ["Neil", "Super", "Duper", "XL", "500", "42", "Auto", "Coder"]),
    (
        [{"type": "word_delimiter_graph", "catenate_all": True}],
        "super-duper-xl-500",
        ["superduperxl500", "super", "duper", "xl", "500"],
    ),
    (
        [{"type": "word_delimiter_graph", "preserve_original": True}],
        "super-duper-xl-500",
        ["super-duper-xl-500", "super", "duper", "xl", "500"],
    ),
    ([{"type": "word_delimiter_graph", "protected_words": ["wi-fi"]}], "wi-fi hi-fi", ["wi-fi", "hi", "fi"]),
    ([{"type": "word_delimiter_graph", "type_table": ["+ => ALPHA"]}], "c++ c-1", ["c++", "c", "1"]),
    ([{"type": "word_delimiter_graph", "split_on_numerics": False, "split_on_case_change": False}], "j2Se-x", ["j2Se", "x"]),
]

# The last of each pair by Lucene's own tests, or by the sample vocabulary on snowballstem.org.
STEMS = [
    ("english", "jumping", "jump"),
    ("light_english", "foxes", "fox"),
    ("minimal_english", "ponies", "pony"),
    ("possessive_english", "fox's", "fox"),
    ("porter2", "consistency", "consist"),
    ("german", "aufeinanderfolge", "aufeinanderfolg"),
    ("light_german", "häuser", "haus"),
    ("french", "continuellement", "continuel"),
    ("light_french", "chevaux", "cheval"),
    ("spanish", "chicas", "chic"),
    ("light_spanish", "chicas", "chic"),
    ("italian", "abbandonata", "abbandon"),
    ("portuguese", "quilométricas", "quilométr"),
    ("dutch", "lichamelijke", "licham"),
    ("swedish", "jaktkarlarna", "jaktkarl"),
    ("danish", "undersøgelse", "undersøg"),
    ("norwegian", "havnedistriktene", "havnedistrikt"),
    ("russian", "важная", "важн"),
    ("finnish", "edeltäjien", "edeltäj"),
    ("lightGerman", "häuser", "haus"),
]

TOKENIZERS: list[tuple[Any, str, list[str]]] = [
    ("keyword", "New York", ["New York"]),
    ("whitespace", "Brown-Foxes jumped.", ["Brown-Foxes", "jumped."]),
    ("letter", QUICK, ["The", "QUICK", "Brown", "Foxes", "jumped", "over", "the", "lazy", "dog", "s", "bone"]),
    ("pattern", "The foo_bar_size's default is 5.", ["The", "foo_bar_size", "s", "default", "is", "5"]),
    ({"type": "pattern", "pattern": ","}, "comma,separated,values", ["comma", "separated", "values"]),
    ("uax_url_email", "Email me at john.smith@global.com", ["Email", "me", "at", "john.smith@global.com"]),
    ({"type": "ngram", "min_gram": 3, "max_gram": 3, "token_chars": ["letter", "digit"]}, "2 Foxes.", ["Fox", "oxe", "xes"]),
    (
        {"type": "edge_ngram", "min_gram": 2, "max_gram": 10, "token_chars": ["letter", "digit"]},
        "2 Quick Foxes.",
        ["Qu", "Qui", "Quic", "Quick", "Fo", "Fox", "Foxe", "Foxes"],
    ),
]

CHAR_FILTERS: list[tuple[Any, str, str]] = [
    ({"type": "mapping", "mappings": ["٠ => 0", "١ => 1", "٢ => 2", "٥ => 5"]}, "My license plate is ٢٥٠١٥", "My license plate is 25015"),
    ({"type": "mapping", "mappings": ["\\u0026 => \\u0020and\\u0020", "' =>"]}, "salt&pepper's", "salt and peppers"),
    ("html_strip", "<p>I&apos;m so <b>happy</b>!</p>", "\nI'm so happy!\n"),
    ({"type": "html_strip", "escaped_tags": ["b"]}, "<p>so <b>happy</b></p>", "\nso <b>happy</b>\n"),
    ({"type": "pattern_replace", "pattern": "(\\d+)-(?=\\d)", "replacement": "$1_"}, "123-456-789", "123_456_789"),
]

# The reference's analyzer pages give the parts of each; these are the words that come out of them.
ANALYZERS = [
    ("english", QUICK, ["2", "quick", "brown", "fox", "jump", "over", "lazi", "dog", "bone"]),
    ("german", "die Häuser", ["haus"]),
    ("french", "l'avion des chevaux", ["avion", "cheval"]),
    ("spanish", "las chicas", ["chic"]),
    ("cjk", "東京都は", ["東京", "京都", "都は"]),
]


@pytest.fixture(scope="module")
def search(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(elasticsearch_url, request_timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def analyze(search: Elasticsearch) -> Analyze:
    def tokens(**request: Any) -> list[str]:
        return [token["token"] for token in search.indices.analyze(**request)["tokens"]]

    return tokens


@pytest.mark.parametrize(("filters", "text", "tokens"), TOKEN_FILTERS, ids=str)
def test_a_token_filter_gives_the_stock_tokens(analyze: Analyze, filters: list[Any], text: str, tokens: list[str]) -> None:
    assert analyze(tokenizer="whitespace", filter=filters, text=text) == tokens


@pytest.mark.parametrize(("language", "word", "stem"), STEMS)
def test_a_language_has_its_stemmer(analyze: Analyze, language: str, word: str, stem: str) -> None:
    assert analyze(tokenizer="keyword", filter=[{"type": "stemmer", "language": language}], text=word) == [stem]


@pytest.mark.parametrize(("tokenizer", "text", "tokens"), TOKENIZERS, ids=str)
def test_a_tokenizer_gives_the_stock_tokens(analyze: Analyze, tokenizer: Any, text: str, tokens: list[str]) -> None:
    assert analyze(tokenizer=tokenizer, text=text) == tokens


@pytest.mark.parametrize(("char_filter", "text", "result"), CHAR_FILTERS, ids=str)
def test_a_char_filter_gives_the_stock_text(analyze: Analyze, char_filter: Any, text: str, result: str) -> None:
    assert analyze(tokenizer="keyword", char_filter=[char_filter], text=text) == [result]


@pytest.mark.parametrize(("analyzer", "text", "tokens"), ANALYZERS)
def test_an_analyzer_is_there_by_its_name(analyze: Analyze, analyzer: str, text: str, tokens: list[str]) -> None:
    assert analyze(analyzer=analyzer, text=text) == tokens


def test_spaces_around_a_token_are_trimmed(analyze: Analyze) -> None:
    assert analyze(tokenizer="keyword", filter=["trim"], text=" fox ") == ["fox"]


def test_pairs_of_signs_are_the_words_of_languages_without_spaces(analyze: Analyze) -> None:
    tokens = ["東京", "京都", "都は", "日本", "本の", "の首", "首都", "都で", "であ", "あり"]

    assert analyze(tokenizer="standard", filter=["cjk_bigram"], text="東京都は、日本の首都であり") == tokens


def test_a_synonym_of_several_words_is_a_graph(search: Elasticsearch) -> None:
    rules = {"type": "synonym_graph", "synonyms": ["dns, domain name system"]}

    tokens = search.indices.analyze(tokenizer="whitespace", filter=[rules], text="dns is down")["tokens"]

    spans = {token["token"]: (token["position"], token.get("positionLength", 1)) for token in tokens}
    assert spans == {"domain": (0, 1), "name": (1, 1), "system": (2, 1), "dns": (0, 3), "is": (3, 1), "down": (4, 1)}


def test_a_graph_is_flattened_for_an_index(search: Elasticsearch) -> None:
    rules = {"type": "synonym_graph", "synonyms": ["dns, domain name system"]}

    tokens = search.indices.analyze(tokenizer="whitespace", filter=[rules, "flatten_graph"], text="domain name system is")["tokens"]

    assert {token["token"]: token["position"] for token in tokens} == {"domain": 0, "dns": 0, "name": 1, "system": 2, "is": 3}


def test_a_normalizer_may_fold_and_trim(analyze: Analyze) -> None:
    assert analyze(filter=["lowercase", {"type": "asciifolding", "preserve_original": False}, "trim"], text=" Über ") == ["uber"]


@pytest.mark.parametrize(
    ("filters", "complaint"),
    [
        ([{"type": "stemmer", "language": "klingon"}], "Invalid stemmer class specified: klingon"),
        ([{"type": "ngram", "min_gram": 1, "max_gram": 9}], "index.max_ngram_diff"),
        ([{"type": "edge_ngram"}, {"type": "synonym", "synonyms": ["a, b"]}], "cannot be used to parse synonyms"),
        ([{"type": "synonym"}], "synonyms_path"),
        ([{"type": "elision"}], "elision filter requires"),
        ([{"type": "truncate"}], "length parameter must be provided"),
        (["asciifolding_typo"], "asciifolding_typo"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused_as_stock_refuses_them(search: Elasticsearch, filters: list[Any], complaint: str) -> None:
    with pytest.raises(BadRequestError, match=complaint):
        search.indices.analyze(tokenizer="whitespace", filter=filters, text="a")
