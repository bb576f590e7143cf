"""The boards as our own pages read them."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from monitoring.boards.panel import Board


def page_json(boards: Sequence[Board]) -> str:
    return json.dumps([asdict(board) for board in boards], indent=1) + "\n"
