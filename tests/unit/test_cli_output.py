"""Lines that commands print."""

import json

from cli.commands.events import json_line, pretty_line
from cli.tables import table

EVENT = b'{"id": "7", "type": "order.confirmed", "occurred_at": "2026-11-24T09:12:10.8Z", "data": {"name": "Caf\xc3\xa9",\n "n": 1}}'


def test_an_event_is_one_line_of_json() -> None:
    line = json_line(EVENT)
    assert "\n" not in line
    assert json.loads(line) == json.loads(EVENT)


def test_what_is_no_json_is_still_one_line_of_json() -> None:
    assert json.loads(json_line(b"not\njson\xff")) == {"unreadable": "not\njson\ufffd"}


def test_a_pretty_event_begins_with_time_type_and_id() -> None:
    assert pretty_line(EVENT, 200) == "09:12:10 order.confirmed  7 {name: Café, n: 1}"


def test_a_pretty_event_is_cut_to_the_width() -> None:
    assert pretty_line(EVENT, 40) == "09:12:10 order.confirmed  7 {name: Café…"
    assert len(pretty_line(b"[1, 2, 3, 4, 5]", 5)) == 5


def test_a_table_aligns_words_left_and_numbers_right() -> None:
    lines = list(table(("NAME", "COUNT"), [("a", 1), ("longer", None), ("c", 1000)]))
    assert lines == ["NAME    COUNT", "a           1", "longer      ?", "c        1000"]


def test_a_table_without_rows_is_its_header() -> None:
    assert list(table(("NAME", "COUNT"), [])) == ["NAME  COUNT"]
