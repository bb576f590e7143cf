"""The boards: health at a glance, a sale in progress, the follow graph, queues, stores."""

from monitoring.boards.panel import Board, Unit, course, figure, quantile, rate

_HTTP = "livedrops_http_request_seconds"
# A Prometheus that was started anew knows of none that ended meanwhile; what it said before is old after a minute.
_FIRING = 'count(last_over_time(ALERTS{alertstate="firing"}[1m])) or vector(0)'
# What was answered, as the promises count it.
_READS, _ORDERS = 'kind="read",status!~"5.."', 'kind="order",status!~"5.."'
_LOOKS = 'livedrops_cache_looks_total{result=~"hit|miss"}'
_HITS = 'livedrops_cache_looks_total{result="hit"}'
_PEOPLE_LOOKS = 'livedrops_cache_looks_total{family="person",result=~"hit|miss"}'
_PEOPLE_HITS = 'livedrops_cache_looks_total{family="person",result="hit"}'

GLANCE = Board(
    "glance",
    "At a glance",
    (
        figure("Processes not ready", Unit.COUNT, "count(livedrops_unit_ready == 0) or vector(0)", bound=0),
        figure("Alerts firing", Unit.COUNT, _FIRING, bound=0),
        figure("Books out of balance", Unit.COUNT, "max(livedrops_books_unbalanced)", bound=0),
        figure("Oldest waiting event", Unit.SECONDS, "max(livedrops_queue_oldest_seconds)", bound=60),
        figure("Reads, p95", Unit.SECONDS, quantile(0.95, _HTTP, _READS), bound=0.2),
        figure("Orders, p95", Unit.SECONDS, quantile(0.95, _HTTP, _ORDERS), bound=0.5),
        course("Requests", Unit.PER_SECOND, ("{{kind}}", rate(f"{_HTTP}_count", "kind"))),
        course(
            "Errors of ours", Unit.PER_SECOND, ("{{operation}} {{status}}", rate(f'{_HTTP}_count{{status=~"5.."}}', "operation, status"))
        ),
        course("Reads by operation, p95", Unit.SECONDS, ("{{operation}}", quantile(0.95, _HTTP, _READS, "operation")), bound=0.2),
        course("Orders by operation, p95", Unit.SECONDS, ("{{operation}}", quantile(0.95, _HTTP, _ORDERS, "operation")), bound=0.5),
        course("Found in the cache", Unit.SHARE, ("{{family}}", f"{rate(_HITS, 'family')} / ({rate(_LOOKS, 'family')} > 0)")),
        course(
            "RPC by service, p95",
            Unit.SECONDS,
            ("{{service}}", quantile(0.95, "livedrops_rpc_server_seconds", by="service")),
        ),
        course("Requests, deviations from their past", Unit.COUNT, ("deviations", "livedrops:requests:deviations")),
        course(
            "Answers of the ingress", Unit.PER_SECOND, ("{{code}}", rate('haproxy_frontend_http_responses_total{proxy="public"}', "code"))
        ),
    ),
)

SALE = Board(
    "sale",
    "A sale",
    (
        figure("Orders confirmed", Unit.PER_SECOND, rate('livedrops_orders_total{outcome="CONFIRMED"}')),
        figure("Sold out, told", Unit.PER_SECOND, rate('livedrops_orders_total{outcome="SOLD_OUT"}')),
        figure("Orders, p95", Unit.SECONDS, quantile(0.95, _HTTP, _ORDERS), bound=0.5),
        figure("Told live, p99", Unit.SECONDS, quantile(0.99, "livedrops_live_delay_seconds"), bound=2),
        course("Orders by outcome", Unit.PER_SECOND, ("{{outcome}}", rate("livedrops_orders_total", "outcome"))),
        course(
            "Orders in time",
            Unit.SECONDS,
            *((f"p{round(share * 100)}", quantile(share, _HTTP, _ORDERS)) for share in (0.5, 0.95, 0.99)),
            bound=0.5,
        ),
        course(
            "Lock wait by drop, p95", Unit.SECONDS, ("{{drop}}", quantile(0.95, "livedrops_drop_lock_wait_seconds", by="drop")), bound=0.25
        ),
        course(
            "Connection held by drop, p95", Unit.SECONDS, ("{{drop}}", quantile(0.95, "livedrops_drop_connection_held_seconds", by="drop"))
        ),
        course("Waiting at the ingress", Unit.COUNT, ("{{proxy}}", "sum by (proxy) (haproxy_backend_current_queue)"), bound=256),
        course("Units reconciled", Unit.PER_SECOND, ("units", rate("livedrops_books_units_checked_total"))),
        course(
            "Books that do not balance",
            Unit.COUNT,
            ("books", "max(livedrops_books_unbalanced)"),
            ("units astray", "max(livedrops_books_units_astray)"),
            bound=0,
        ),
        course("Looked at, and told to analytics", Unit.PER_SECOND, ("{{what}}", rate("livedrops_sightings_total", "what"))),
        course(
            "Starts and ends told late, p99", Unit.SECONDS, ("{{what}}", quantile(0.99, "livedrops_clock_late_seconds", by="what")), bound=1
        ),
        course("Live streams", Unit.COUNT, ("streams", "sum(livedrops_live_connections)"), ("people", "sum(livedrops_live_people)")),
        # What grows by itself under Nomad, and what it grows for.
        course("Processes", Unit.COUNT, ("{{unit}}", 'sum by (unit) (livedrops_unit_ready{unit=~"gateway|live|orders"})')),
        course("Followers expected at starts", Unit.COUNT, ("people", "max(livedrops_crowd)")),
    ),
)

FOLLOWS = Board(
    "follows",
    "Follow graph",
    (
        figure("Lists behind by", Unit.SECONDS, "max(livedrops_capture_behind_seconds)", bound=10),
        figure("Follows taken in", Unit.PER_SECOND, rate("livedrops_capture_changes_total")),
        course(
            "Pages of followers by size of list, p95",
            Unit.SECONDS,
            ("{{size}}", quantile(0.95, "livedrops_follower_page_seconds", by="size")),
            bound=0.2,
        ),
        course("Change capture behind", Unit.SECONDS, ("lag", "max(livedrops_capture_behind_seconds)"), bound=10),
        course(
            "Follows and unfollows", Unit.PER_SECOND, ("{{operation}}", rate(f'{_HTTP}_count{{operation=~"follow|unfollow"}}', "operation"))
        ),
        course("Profiles found in the cache", Unit.SHARE, ("person", f"{rate(_PEOPLE_HITS)} / {rate(_PEOPLE_LOOKS)}")),
        course("Commands of MongoDB, p95", Unit.SECONDS, ("{{command}}", quantile(0.95, "livedrops_mongo_command_seconds", by="command"))),
        course(
            "Calls of users, p95", Unit.SECONDS, ("{{method}}", quantile(0.95, "livedrops_rpc_server_seconds", 'service="users"', "method"))
        ),
    ),
)

QUEUES = Board(
    "queues",
    "Queues",
    (
        figure("Oldest waiting event", Unit.SECONDS, "max(livedrops_queue_oldest_seconds)", bound=60),
        figure("Dead letters", Unit.COUNT, "sum(livedrops_dead_letters)", bound=0),
        figure("Oldest in an outbox", Unit.SECONDS, "max(livedrops_outbox_oldest_seconds)", bound=10),
        course("Age of the first that waits", Unit.SECONDS, ("{{queue}}", "livedrops_queue_oldest_seconds > 0"), bound=60),
        course("Waiting", Unit.COUNT, ("{{queue}}", "livedrops_queue_messages > 0")),
        course("Events handled", Unit.PER_SECOND, ("{{consumer}}", rate('livedrops_events_total{result="handled"}', "consumer"))),
        course(
            "Events failed, held, given up",
            Unit.PER_SECOND,
            ("{{consumer}} {{result}}", rate('livedrops_events_total{result!="handled"}', "consumer, result")),
        ),
        course("Tried again after", Unit.COUNT, ("{{after}}", "livedrops_delayed_messages"), ("dead", "sum(livedrops_dead_letters)")),
        course("Outboxes", Unit.SECONDS, ("{{context}}", "livedrops_outbox_oldest_seconds"), bound=10),
        course(
            "Notification delay, p99",
            Unit.SECONDS,
            ("written", quantile(0.99, "livedrops_notification_delay_seconds")),
            ("seen live", quantile(0.99, "livedrops_live_delay_seconds")),
            bound=2,
        ),
        course("Pushes", Unit.PER_SECOND, ("{{result}}", rate("livedrops_push_total", "result"))),
    ),
)

STORES = Board(
    "stores",
    "Stores",
    (
        figure("PostgreSQL", Unit.STATE, "count(pg_up == 0) or vector(0)", bound=0),
        figure("MongoDB", Unit.STATE, "1 - max(livedrops_mongo_primary)", bound=0),
        figure("RabbitMQ", Unit.STATE, '1 - max(up{job="rabbitmq"})', bound=0),
        figure("Redis", Unit.STATE, "1 - max(redis_up)", bound=0),
        figure("Elasticsearch", Unit.STATE, "1 - max(elasticsearch_cluster_health_up)", bound=0),
        course("Connection held, p95", Unit.SECONDS, ("{{store}}", quantile(0.95, "livedrops_store_connection_held_seconds", by="store"))),
        course(
            "Connection waited for, p95",
            Unit.SECONDS,
            ("{{store}}", quantile(0.95, "livedrops_store_connection_waited_seconds", by="store")),
            bound=0.5,
        ),
        course(
            "Transactions of PostgreSQL",
            Unit.PER_SECOND,
            ("{{datname}}", rate('pg_stat_database_xact_commit{datname!~"template.*|postgres|"}', "datname")),
        ),
        course("Connections of PostgreSQL", Unit.COUNT, ("{{datname}}", 'pg_stat_database_numbackends{datname!~"template.*|postgres|"}')),
        course("Operations of MongoDB", Unit.PER_SECOND, ("{{type}}", rate("livedrops_mongo_operations_total", "type"))),
        course("Commands of Redis", Unit.PER_SECOND, ("commands", rate("redis_commands_processed_total"))),
        course("Searching, p95", Unit.SECONDS, ("{{what}}", quantile(0.95, "livedrops_search_engine_seconds", by="what"))),
        course(
            "Memory",
            Unit.BYTES,
            ("RabbitMQ", "max(rabbitmq_process_resident_memory_bytes)"),
            ("MongoDB", "max(livedrops_mongo_resident_bytes)"),
            ("Redis", "max(redis_memory_used_bytes)"),
            ("Elasticsearch heap", "max(elasticsearch_jvm_memory_used_bytes)"),
        ),
        course(
            "The machine",
            Unit.SHARE,
            ("CPU busy", '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[WINDOW]))'),
            ("memory used", "1 - max(node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)"),
        ),
    ),
)

BOARDS = (GLANCE, SALE, FOLLOWS, QUEUES, STORES)
