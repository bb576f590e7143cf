"""Logs: one JSON object a line on stderr, each with the unit, and the correlation id and trace of the call under way."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from services.kernel import calls
from services.kernel.config import Settings


class _CallFilter(logging.Filter):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def filter(self, record: logging.LogRecord) -> bool:
        record.unit = self._unit
        record.correlation_id = getattr(record, "correlation_id", None) or calls.correlation_id()
        trace = calls.current_trace()
        if trace is not None:
            record.trace_id = trace.trace_id
        return True


def configure(settings: Settings) -> None:
    """Send all logs of this process to stderr as JSON, and print the configuration with secrets hidden."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_CallFilter(settings.unit))
    handler.setFormatter(
        JsonFormatter(
            ["levelname", "name", "message", "unit", "correlation_id"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # Their INFO repeats what our own logs say once.
    for noisy in ("pika", "kombu", "amqp", "werkzeug", "granian.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("livedrops").info("configured", extra={"settings": settings.describe()})
