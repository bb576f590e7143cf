"""The servers below go away, forget, or become slow, while people buy and repeat."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import redis

from stack import processes
from stack.api import Stack
from tests.chaos.disturbances import paused, slow_redis, stopped
from tests.chaos.sale import Market, selling
from tests.conftest import eventually


def test_a_restarted_broker_loses_and_doubles_nothing(stack: Stack, market: Market, rounds: Callable[[int, int], range]) -> None:
    with selling(market, watched=False) as sale:
        sale.wait_for_orders()
        for _ in rounds(1, 5):
            stack.restart("rabbitmq")
            stack.wait_ready("rabbitmq")
            sale.wait_for_orders()


def test_a_killed_broker_loses_and_doubles_nothing(stack: Stack, market: Market, rounds: Callable[[int, int], range]) -> None:
    with selling(market, watched=False) as sale:
        sale.wait_for_orders()
        for _ in rounds(1, 5):
            stack.kill("rabbitmq")
            sale.wait_for_orders()


def is_deaf(stack: Stack, unit: str) -> bool:
    return not stack.is_ready(unit)


def test_who_hears_nothing_of_a_broker_that_hangs_says_so(stack: Stack, market: Market) -> None:
    workers = [unit.name for unit in stack.units if "services.kernel.run" in unit.command]
    with ExitStack() as hung:
        for pid in processes.tree(stack.pid("rabbitmq")):
            hung.enter_context(paused(pid))
        for name in workers:
            eventually(partial(is_deaf, stack, name), timeout_s=20)
    for name in workers:
        stack.wait_ready(name)
    with selling(market, watched=False) as sale:
        sale.wait_for_orders()


def test_restarted_books_lose_and_double_nothing(stack: Stack, market: Market, rounds: Callable[[int, int], range]) -> None:
    with selling(market) as sale:
        sale.wait_for_orders()
        for _ in rounds(1, 5):
            stack.restart("postgres")
            stack.wait_ready("postgres")
            sale.wait_for_orders()


def test_a_flushed_cache_changes_nothing(market: Market, cache: "redis.Redis", rounds: Callable[[int, int], range]) -> None:
    with selling(market) as sale:
        sale.wait_for_orders()
        for _ in rounds(3, 30):
            cache.flushall()
            sale.wait_for_orders()


def test_a_cache_flushed_after_the_last_unit_lets_nobody_buy_more(market: Market, cache: "redis.Redis") -> None:
    with selling(market, total=300) as sale:
        sale.wait_until_sold_out()
        cache.flushall()
        sale.wait_for_answers()


def test_without_a_cache_the_sale_goes_on(stack: Stack, market: Market, rounds: Callable[[int, int], range]) -> None:
    with selling(market) as sale:
        for _ in rounds(1, 5):
            sale.wait_for_orders()
            with stopped(stack, "redis"):
                sale.wait_for_orders(300)
        sale.wait_for_orders()


def test_a_cache_that_takes_two_seconds_an_answer_stops_no_sale(stack: Stack, market: Market, rounds: Callable[[int, int], range]) -> None:
    with selling(market) as sale:
        for _ in rounds(1, 5):
            sale.wait_for_orders()
            with slow_redis(stack.environment("orders")["LIVEDROPS_REDIS_URL"]):
                sale.wait_for_orders(600)
        sale.wait_for_orders()


def test_selling_out_with_a_slow_cache_oversells_nothing(stack: Stack, market: Market) -> None:
    with selling(market, total=600) as sale:
        sale.wait_for_orders()
        with slow_redis(stack.environment("orders")["LIVEDROPS_REDIS_URL"]):
            sale.wait_until_sold_out()
            sale.wait_for_answers()
