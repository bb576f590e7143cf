"""What waits: on the broker, in the outboxes."""

from monitoring.alerts.rule import PAGE, TICKET, Alert, Group
from monitoring.pace import Pace

# A crowd that is told takes minutes, and sums may be late: nobody waits for these.
PATIENT = r"notifications\\.(planning|push.*)|analytics\\..*"
OLDEST_S, OLDEST_PATIENT_S = 60, 900
# Fails an event to have a push tried again: PushEndpointsFail tells of endpoints.
TRIES_AGAIN = "notifications.push_again"
# Of a million, past which publishers are refused (services/kernel/topology.py).
NEARLY_FULL = 500_000
# The relay publishes within half a second.
OLDEST_OUTBOX_S = 10


def group(pace: Pace) -> Group:
    return Group((*_events(pace), *_broker()))


def _events(pace: Pace) -> tuple[Alert, ...]:
    unhandled = f'consumer!="{TRIES_AGAIN}",result=~"failed|held"'
    late = "{{ $labels.queue }} is {{ $value | humanizeDuration }} behind"
    return (
        Alert("QueueTooOld", _older(f'queue!~"{PATIENT}"', OLDEST_S), pace.wait("1m"), PAGE, late),
        Alert("QueueTooOld", _older(f'queue=~"{PATIENT}"', OLDEST_PATIENT_S), pace.wait("5m"), TICKET, late),
        Alert(
            "QueueNearlyFull",
            f"max by (queue) (livedrops_queue_messages) > {NEARLY_FULL}",
            pace.wait("1m"),
            PAGE,
            '{{ printf "%.0f" $value }} messages wait for {{ $labels.queue }}; at a million their publishers are refused',
        ),
        Alert(
            "DeadLetters",
            "max by (queue) (livedrops_dead_letters) > 0",
            pace.wait("1m"),
            TICKET,
            '{{ printf "%.0f" $value }} events of {{ $labels.queue }} were given up',
        ),
        Alert(
            "EventsFail",
            f"sum by (consumer) (rate(livedrops_events_total{{{unhandled}}}[{pace.window('5m')}])) > 0.1",
            pace.wait("5m"),
            TICKET,
            "{{ $labels.consumer }} fails to handle events, and tries them again or holds them",
        ),
        Alert(
            "OutboxTooOld",
            f"max by (context) (livedrops_outbox_oldest_seconds) > {OLDEST_OUTBOX_S}",
            pace.wait("30s"),
            PAGE,
            "{{ $labels.context }} has not told for {{ $value | humanizeDuration }} what happened",
        ),
    )


def _older(which: str, age_s: int) -> str:
    return f"max by (queue) (livedrops_queue_oldest_seconds{{{which}}}) > {age_s}"


def _broker() -> tuple[Alert, ...]:
    return (
        Alert(
            "BrokerMemoryAlarm",
            "max(rabbitmq_alarms_memory_used_watermark) > 0",
            "",
            PAGE,
            "The broker is out of memory and takes no messages",
        ),
        Alert(
            "BrokerDiskAlarm",
            "max(rabbitmq_alarms_free_disk_space_watermark) > 0",
            "",
            PAGE,
            "The broker's disk is full and it takes no messages",
        ),
    )
