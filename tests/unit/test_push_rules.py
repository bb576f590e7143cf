"""What is pushed to whom, what answers mean, and where nothing is ever sent."""

import ipaddress
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.errors import AddressNotAllowed
from services.contracts.notifications import Channel, Endpoint, EndpointKind, Muted, Notice, NoticeKind, Preferences
from services.notifications.push import guard, rules
from services.notifications.push.rules import Patience, Target, Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def notice(kind: NoticeKind = NoticeKind.DROP_STARTED, creator_id: str | None = None) -> Notice:
    return Notice(
        str(uuid.uuid4()), kind, NOW, "A hat", creator_id or str(uuid.uuid4()), str(uuid.uuid4()), quantity=2, available=3, total=9
    )


def target(kind: EndpointKind = EndpointKind.WEBHOOK) -> Target:
    return Target(Endpoint(str(uuid.uuid4()), kind, "https://example.org/hook", True, NOW))


class TestWhoIsTold:
    def test_everything_is_told_unless_it_is_muted(self) -> None:
        told = notice()
        assert rules.wants(Preferences(), told, EndpointKind.WEBHOOK)
        muted = Preferences([Muted(NoticeKind.DROP_STARTED, Channel.WEBHOOK)])
        assert not rules.wants(muted, told, EndpointKind.WEBHOOK)
        assert rules.wants(muted, told, EndpointKind.EMAIL)
        assert rules.wants(muted, notice(NoticeKind.DROP_SOLD_OUT), EndpointKind.WEBHOOK)

    def test_a_muted_creator_is_not_heard_of_but_what_was_bought_there_is(self) -> None:
        creator = str(uuid.uuid4())
        muted = Preferences([], [creator])
        assert not rules.wants(muted, notice(creator_id=creator), EndpointKind.WEBHOOK)
        assert rules.wants(muted, notice(NoticeKind.ORDER_CONFIRMED, creator), EndpointKind.WEBHOOK)

    def test_a_delivery_has_the_same_id_at_every_try_and_none_is_for_who_is_gone(self) -> None:
        told, hook, mail = notice(), target(), target(EndpointKind.EMAIL)
        tasks = rules.tasks_for(told, {"a": [hook, mail], "b": [hook]}, {"b": None}, "c:1")
        assert [(task.user_id, task.target) for task in tasks] == [("a", hook), ("a", mail)]
        assert len({task.id for task in tasks}) == 2
        assert [task.id for task in rules.tasks_for(told, {"a": [hook, mail]}, {}, None)] == [task.id for task in tasks]

    @pytest.mark.parametrize("kind", NoticeKind)
    def test_each_kind_has_a_title_and_a_type(self, kind: NoticeKind) -> None:
        assert "A hat" in rules.title(notice(kind))
        assert rules.event_type(kind) == kind.value.lower().replace("_", ".", 1)


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "kind", "verdict"),
        [
            (200, EndpointKind.WEBHOOK, Verdict.DELIVERED),
            (204, EndpointKind.WEBHOOK, Verdict.DELIVERED),
            (302, EndpointKind.WEBHOOK, Verdict.REFUSED),
            (400, EndpointKind.WEBHOOK, Verdict.REFUSED),
            (404, EndpointKind.WEBHOOK, Verdict.REFUSED),
            (404, EndpointKind.WEB_PUSH, Verdict.GONE),
            (408, EndpointKind.WEBHOOK, Verdict.AGAIN),
            (410, EndpointKind.WEBHOOK, Verdict.GONE),
            (429, EndpointKind.WEBHOOK, Verdict.AGAIN),
            (500, EndpointKind.WEBHOOK, Verdict.AGAIN),
            (503, EndpointKind.WEB_PUSH, Verdict.AGAIN),
        ],
    )
    def test_a_status_says_whether_it_is_worth_another_try(self, status: int, kind: EndpointKind, verdict: Verdict) -> None:
        assert rules.answer_of(status, kind).verdict is verdict

    def test_a_receiver_may_ask_for_patience_with_a_bound(self) -> None:
        assert rules.answer_of(429, EndpointKind.WEBHOOK, 7).after_s == 7
        assert rules.answer_of(503, EndpointKind.WEBHOOK, 1e9).after_s == rules.MOST_PATIENCE_S

    def test_an_endpoint_is_given_up_after_long_or_after_much(self) -> None:
        patience = Patience(timedelta(days=3), timedelta(hours=3), 20)
        since = NOW - timedelta(hours=4)
        assert not rules.is_exhausted(19, since, NOW, patience)
        assert rules.is_exhausted(20, since, NOW, patience)
        assert not rules.is_exhausted(500, NOW - timedelta(hours=1), NOW, patience)
        assert rules.is_exhausted(2, NOW - timedelta(days=3), NOW, patience)


NEVER = (
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "192.0.2.1",
    "203.0.113.7",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
)


class TestWhereNothingIsSent:
    @pytest.mark.parametrize("address", NEVER)
    def test_no_network_of_our_own_in_any_form(self, address: str) -> None:
        assert not guard.is_public(ipaddress.ip_address(address))
        host = f"[{address}]" if ":" in address else address
        with pytest.raises(AddressNotAllowed):
            guard.place_of(f"https://{host}/hook")
        with pytest.raises(AddressNotAllowed):
            guard.checked("example.org", ["8.8.8.8", address])

    @pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
    def test_the_internet_is_sent_to(self, address: str) -> None:
        assert guard.checked("example.org", [address]) == address

    @given(st.integers(0, 2**32 - 1))
    def test_an_address_is_judged_alike_in_all_its_forms(self, number: int) -> None:
        plain = ipaddress.IPv4Address(number)
        for prefix in ("::ffff:0:0", "64:ff9b::"):
            carried = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number)
            assert guard.is_public(carried) == guard.is_public(plain)

    @pytest.mark.parametrize(
        "url",
        [
            "http://example.org/hook",
            "ftp://example.org/",
            "https:///hook",
            "https://user:password@example.org/",
            "https://user@example.org/",
            "https://example.org:22/",
            "https://example.org:99999/",
            "https://example.org/#part",
            "https://[::1%25eth0]/",
            "https://[fe80::1%eth0]/",
            "https://[half/",
        ],
    )
    def test_no_strange_address(self, url: str) -> None:
        with pytest.raises(AddressNotAllowed):
            guard.place_of(url)

    def test_a_place_keeps_name_port_and_query(self) -> None:
        place = guard.place_of("https://Example.org/hook?a=b")
        assert (place.host, place.port, place.path, place.origin) == ("example.org", 443, "/hook?a=b", "example.org")
        assert guard.place_of("http://127.0.0.1:81", anywhere=True).origin == "127.0.0.1:81"
        assert guard.place_of("https://[2606:4700::1]/").origin == "[2606:4700::1]"
