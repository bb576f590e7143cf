"""What people find, with the real search engine behind the real service."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
import requests

from services.contracts.errors import InvalidInput
from services.contracts.orders import Orders, PlaceOrder
from services.contracts.products import DropState, NewDrop, Product, ProductChange, Products
from services.contracts.search import Search, SearchFilter, SearchKind, SearchSort
from services.contracts.users import Role, UserChange, Users
from services.contracts.values import Money
from services.kernel.rpc_client import RpcClient
from services.search.store import FAMILY
from stack.api import Stack
from tests.conftest import eventually
from tests.integration.conftest import Member
from tests.integration.searching import all_pages, found, ids_of, some_word

MakeProduct = Callable[..., Product]


@pytest.fixture(scope="module")
def search(operations: RpcClient, elasticsearch_url: str) -> Search:
    return operations.service("search", Search)


@pytest.fixture(scope="module")
def shop(make_product: MakeProduct, search: Search) -> tuple[str, dict[str, str]]:
    """A creator's products, by a short name, all of them to be found."""
    creator = str(uuid.uuid4())
    wares: dict[str, dict[str, Any]] = {
        "torch": {"name": "Crème brûlée torch", "description": "A small flame for <b>desserts</b>", "tags": ["kitchen", "fire"]},
        "shoes": {"name": "Running shoes", "description": "Light, for the road", "tags": ["sport"]},
        "shirt": {"name": "Blue running shirt", "price": Money(2900, "EUR"), "tags": ["sport", "Été"]},
        "lamp": {"name": "L'été lamp", "price": Money(9900, "USD"), "description": "Warm light"},
        "headphones": {"name": "WH-1000XM5 headphones", "price": Money(39900, "EUR")},
    }
    made = {short: make_product(creator, **ware).id for short, ware in wares.items()}
    found(search, list(made.values()), filter=SearchFilter(creator_id=creator))
    return creator, made


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("creme brulee", "torch"),
        ("CRÈME", "torch"),
        ("runing shoos", "shoes"),
        ("shoe", "shoes"),
        ("shirt running", "shirt"),
        ("torch brulee", "torch"),
        ("runn", "shoes shirt"),
        ("blue running sh", "shirt"),
        ("ete lamp", "lamp"),
        ("desserts", "torch"),
        ("kitchen", "torch"),
        ("wh1000xm5", "headphones"),
        ("WH-1000XM5", "headphones"),
        ("1000xm5", "headphones"),
    ],
)
def test_things_are_found_as_people_write_them(search: Search, shop: tuple[str, dict[str, str]], text: str, first: str) -> None:
    creator, wares = shop
    page = search.search(text=text, filter=SearchFilter(creator_id=creator))
    wanted = {wares[short] for short in first.split()}
    assert set(ids_of(page)[: len(wanted)]) == wanted


def test_what_has_none_of_the_words_is_not_found(search: Search, shop: tuple[str, dict[str, str]]) -> None:
    page = search.search(text="umbrella", filter=SearchFilter(creator_id=shop[0]))
    assert (page.hits, page.total, page.total_is_exact, page.degraded) == ([], 0, True, False)


@pytest.mark.parametrize(
    ("filter", "wanted"),
    [
        ({"tags": ["sport"]}, {"shoes", "shirt"}),
        ({"tags": ["fire", "Été"]}, {"torch", "shirt"}),
        ({"currency": "USD"}, {"lamp"}),
        ({"currency": "EUR", "min_price": 3000}, {"torch", "shoes", "headphones"}),
        ({"currency": "EUR", "min_price": 2900, "max_price": 4900}, {"torch", "shoes", "shirt"}),
        ({"kinds": [SearchKind.PRODUCT]}, {"torch", "shoes", "shirt", "lamp", "headphones"}),
        ({"kinds": [SearchKind.DROP, SearchKind.CREATOR]}, set()),
        ({"states": [DropState.LIVE]}, set()),
    ],
)
def test_filters_narrow(search: Search, shop: tuple[str, dict[str, str]], filter: dict[str, Any], wanted: set[str]) -> None:
    creator, wares = shop
    page = search.search(filter=SearchFilter(creator_id=creator, **filter))
    assert sorted(ids_of(page)) == sorted(wares[short] for short in wanted)


def test_facets_count_what_was_found(search: Search, shop: tuple[str, dict[str, str]]) -> None:
    creator, _ = shop
    page = search.search(filter=SearchFilter(creator_id=creator, currency="EUR"), facets=True)
    facets = {facet.name: {one.value: one.count for one in facet.values} for facet in page.facets}
    assert facets == {
        "kind": {"PRODUCT": 4},
        "state": {},
        "creator": {creator: 4},
        "tag": {"sport": 2, "kitchen": 1, "fire": 1, "Été": 1},
        "currency": {"EUR": 4},
        "price": {"2500-5000": 3, "25000-50000": 1},
    }
    assert search.search(filter=SearchFilter(creator_id=creator)).facets == []


def test_what_fits_is_shown_and_html_is_text(search: Search, shop: tuple[str, dict[str, str]]) -> None:
    creator, _ = shop
    (hit,) = search.search(text="dessert torch", filter=SearchFilter(creator_id=creator)).hits
    shown = {one.field: one.fragments for one in hit.highlights}
    assert shown["name"] == ["Crème brûlée <em>torch</em>"]
    assert search.search(text="flame desserts", filter=SearchFilter(creator_id=creator)).hits[0].highlights[0].fragments == [
        "A small <em>flame</em> for &lt;b&gt;<em>desserts</em>&lt;&#x2F;b&gt;"
    ]


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [
        (SearchSort.PRICE_ASCENDING, ["shirt", "shoes", "torch", "headphones"]),
        (SearchSort.PRICE_DESCENDING, ["headphones", "shoes", "torch", "shirt"]),
        (SearchSort.NEWEST, ["headphones", "shirt", "shoes", "torch"]),
    ],
)
def test_hits_are_sorted_as_asked(search: Search, shop: tuple[str, dict[str, str]], sort: SearchSort, wanted: list[str]) -> None:
    creator, wares = shop
    page = search.search(sort=sort, filter=SearchFilter(creator_id=creator, currency="EUR"))
    assert ids_of(page) == [wares[short] for short in wanted]


@pytest.mark.parametrize("asked", [{"sort": SearchSort.PRICE_ASCENDING}, {"filter": SearchFilter(min_price=1)}])
def test_a_price_needs_its_currency(search: Search, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        search.search(**asked)
    assert caught.value.data["field"] == "currency"


def test_a_cursor_belongs_to_its_search(search: Search, shop: tuple[str, dict[str, str]]) -> None:
    mine = SearchFilter(creator_id=shop[0])
    page = search.search(filter=mine, first=2)
    for other in ({"text": "x", "filter": mine}, {"filter": SearchFilter()}, {"filter": mine, "sort": SearchSort.NEWEST}):
        with pytest.raises(InvalidInput) as caught:
            search.search(**other, after=page.next)
        assert caught.value.data["field"] == "after"


@pytest.mark.parametrize("sort", [SearchSort.RELEVANCE, SearchSort.NEWEST])
def test_pages_hold_each_hit_once_while_things_change(
    search: Search, products: Products, make_product: MakeProduct, sort: SearchSort
) -> None:
    word, creator = some_word(), str(uuid.uuid4())
    made = [make_product(creator, name=f"{word} {number}") for number in range(30)]
    found(search, [product.id for product in made], text=word)
    changed = iter(made)

    def change() -> None:
        for product in (next(changed), next(changed)):
            products.update_product(
                product_id=product.id, expected_version=1, change=ProductChange(description=f"{word} " * 50, name=f"{word} {word}")
            )
        new = make_product(creator, name=word)
        eventually(lambda: new.id in ids_of(search.search(text=word, first=100)))

    hits = all_pages(lambda after: search.search(text=word, first=4, after=after, sort=sort), between=change)
    assert sorted(hit.id for hit in hits) == sorted(product.id for product in made)


def test_a_change_is_found_and_what_it_replaced_is_not(search: Search, products: Products, make_product: MakeProduct) -> None:
    before, after = some_word(), some_word()
    product = make_product(name=before)
    found(search, [product.id], text=before)
    products.update_product(product_id=product.id, expected_version=1, change=ProductChange(name=after))
    found(search, [product.id], text=after)
    found(search, [], text=before)


def announce(products: Products, product: Product, starts_in_s: float, life_s: float = 3600, stock: int = 5) -> str:
    begin = datetime.now(UTC) + timedelta(seconds=starts_in_s)
    drop = NewDrop(begin, begin + timedelta(seconds=life_s), stock)
    return products.schedule_drop(drop_id=str(uuid.uuid4()), product_id=product.id, drop=drop).id


def states(search: Search, creator: str, *wanted: DropState) -> dict[str, DropState | None]:
    page = search.search(filter=SearchFilter(creator_id=creator, kinds=[SearchKind.DROP], states=list(wanted)), first=100)
    return {hit.id: hit.state for hit in page.hits}


def test_a_drop_is_in_the_state_of_the_moment_of_asking(search: Search, products: Products, make_product: MakeProduct) -> None:
    product = make_product(name=some_word())
    soon, live = announce(products, product, 3, life_s=2), announce(products, product, 0)
    eventually(lambda: states(search, product.creator_id) == {soon: DropState.SCHEDULED, live: DropState.LIVE})
    assert states(search, product.creator_id, DropState.SCHEDULED) == {soon: DropState.SCHEDULED}
    eventually(lambda: states(search, product.creator_id, DropState.LIVE) == {soon: DropState.LIVE, live: DropState.LIVE})
    eventually(lambda: states(search, product.creator_id, DropState.ENDED) == {soon: DropState.ENDED})
    products.cancel_drop(drop_id=live, reason="no paint")
    eventually(lambda: states(search, product.creator_id, DropState.CANCELLED, DropState.LIVE) == {live: DropState.CANCELLED})


def test_a_sold_out_drop_is_so_and_is_live_again_with_new_units(
    search: Search, products: Products, orders: Orders, make_product: MakeProduct
) -> None:
    product = make_product(name=some_word())
    drop = announce(products, product, 0, stock=1)
    eventually(lambda: states(search, product.creator_id, DropState.LIVE) == {drop: DropState.LIVE})
    order = orders.place_order(request=PlaceOrder(drop, str(uuid.uuid4()), 1, "k"))
    eventually(lambda: states(search, product.creator_id) == {drop: DropState.SOLD_OUT})
    assert states(search, product.creator_id, DropState.SOLD_OUT) == {drop: DropState.SOLD_OUT}
    orders.cancel_order(order_id=order.id, reason="x")
    eventually(lambda: states(search, product.creator_id) == {drop: DropState.LIVE})


def test_what_can_be_bought_now_comes_first(search: Search, products: Products, make_product: MakeProduct) -> None:
    product = make_product(name=some_word())
    later, live = announce(products, product, 3600), announce(products, product, 0)
    found(search, [product.id, later, live], filter=SearchFilter(creator_id=product.creator_id))
    assert ids_of(search.search(filter=SearchFilter(creator_id=product.creator_id)))[0] == live


def test_a_drop_has_the_tags_and_text_of_its_product(search: Search, products: Products, make_product: MakeProduct) -> None:
    word, tag = some_word(), some_word()
    product = make_product(name="A coat")
    drop = announce(products, product, 3600)
    found(search, [product.id, drop], filter=SearchFilter(creator_id=product.creator_id))
    products.update_product(product_id=product.id, expected_version=1, change=ProductChange(description=word, tags=[tag]))
    found(search, [product.id, drop], text=word)
    found(search, [product.id, drop], filter=SearchFilter(tags=[tag]))


def test_a_creator_is_found_with_all_that_is_theirs_by_their_new_name(
    search: Search, users: Users, products: Products, make_product: MakeProduct, member: Callable[..., Member]
) -> None:
    before, after = some_word(), some_word()
    creator = member(before, Role.CREATOR)
    product = make_product(creator.id, name="A hat")
    drop = announce(products, product, 3600)
    found(search, [creator.id, product.id, drop], text=before)
    users.update_user(user_id=creator.id, change=UserChange(display_name=after))
    hits = found(search, [creator.id, product.id, drop], text=after)
    assert hits[0].kind is SearchKind.CREATOR
    assert {hit.creator_name for hit in hits} == {after}
    found(search, [], text=before)


def test_who_sells_no_more_or_is_gone_is_not_found(
    search: Search, users: Users, make_product: MakeProduct, member: Callable[..., Member]
) -> None:
    word = some_word()
    retired, gone = member(word, Role.CREATOR), member(word, Role.CREATOR)
    product = make_product(gone.id, name="A hat")
    found(search, [retired.id, gone.id, product.id], text=word)
    users.set_roles(user_id=retired.id, roles=[Role.FAN])
    users.delete_user(user_id=gone.id)
    found(search, [], text=word)
    assert [hit.creator_name for hit in search.search(filter=SearchFilter(creator_id=gone.id)).hits] == [""]


def test_fans_are_not_found(search: Search, member: Callable[..., Member]) -> None:
    word = some_word()
    fan, creator = member(word), member(word, Role.CREATOR)
    assert ids_of_once_there(search, creator.id, word) == [creator.id]
    assert fan.id != creator.id


def ids_of_once_there(search: Search, id: str, text: str) -> list[str]:
    eventually(lambda: id in ids_of(search.search(text=text)))
    return ids_of(search.search(text=text))


def test_whom_many_follow_comes_before_others(search: Search, member: Callable[..., Member], make_product: MakeProduct) -> None:
    word = some_word()
    quiet, loud = member("Quiet", Role.CREATOR), member("Loud", Role.CREATOR)
    theirs, others = make_product(loud.id, name=word), make_product(quiet.id, name=word)
    found(search, [theirs.id, others.id], text=word)
    for fan in (member(), member()):
        fan.follow(loud)
    eventually(lambda: [hit.followers for hit in search.search(text=word).hits] == [2, 0])
    assert ids_of(search.search(text=word)) == [theirs.id, others.id]


def test_names_are_completed(search: Search, products: Products, make_product: MakeProduct) -> None:
    word = some_word()
    product = make_product(name=f"{word} Größe")
    announce(products, product, 3600)
    found(search, [product.id], text=word, filter=SearchFilter(kinds=[SearchKind.PRODUCT]))
    for typed in (word[:9], f"{word} g", f"gros {word[:10]}", f"{word} GRÖ"):
        (suggestion,) = eventually(lambda: search.suggest(text=typed).suggestions)  # noqa: B023  # asked at once
        assert suggestion.text == f"{word} Größe"
    assert search.suggest(text="  ").suggestions == []
    assert search.suggest(text=some_word()).suggestions == []


def test_pages_go_on_where_their_point_in_time_is_gone(
    stack: Stack, search: Search, make_product: MakeProduct, elasticsearch_url: str
) -> None:
    word = some_word()
    made = [make_product(name=f"{word} {number}").id for number in range(5)]
    found(search, made, text=word)
    first = search.search(text=word, first=2)
    cache = redis.Redis.from_url(stack.environment("search")["LIVEDROPS_REDIS_URL"])
    for key in cache.scan_iter(f"{FAMILY}:*"):
        opened = cache.hget(key, "id")
        assert isinstance(opened, bytes)
        requests.delete(f"{elasticsearch_url}/_pit", json={"id": opened.decode()}, timeout=10)
    cache.close()
    rest = search.search(text=word, first=10, after=first.next)
    assert not rest.degraded
    assert sorted(hit.id for hit in [*first.hits, *rest.hits]) == sorted(made)
