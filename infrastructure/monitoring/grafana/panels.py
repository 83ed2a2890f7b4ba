"""What is on each dashboard: (kind, title, unit, [(query, legend)], width, description)."""


def stat(title, unit, query, about=""):
    return ("stat", title, unit, [(query, "")], 4, about)


def graph(title, unit, *queries, width=12, about=""):
    return ("timeseries", title, unit, list(queries), width, about)


def p(quantile, series, by, where=""):
    """A quantile of a histogram, by labels."""
    return f"histogram_quantile({quantile}, sum by ({by}, le) (rate({series}_bucket{{{where}}}[$__rate_interval])))"


def rate(series, by, where=""):
    return f"sum by ({by}) (rate({series}{{{where}}}[$__rate_interval]))"


def cached(results):
    """The part of a cache's reads that ended so."""
    return f'sum by (cache) (rate(cache_reads_total{{result=~"{results}"}}[$__rate_interval])) / sum by (cache) (rate(cache_reads_total[$__rate_interval]))'


EDGE = 'service="api-gateway"'
SHOWN = 'service="product-service", route="/images/{file}"'

OVERVIEW = [
    stat("Requests", "reqps", f"sum(rate(http_requests_total{{{EDGE}}}[$__rate_interval]))"),
    stat("Answers that are 5xx", "percentunit", "gateway:http_errors:ratio_rate5m"),
    stat("Slowest percent begins at", "s", f"histogram_quantile(0.99, sum by (le) (rate(http_request_seconds_bucket{{{EDGE}}}[$__rate_interval])))"),
    stat("Orders an hour", "short", "sum(rate(orders_placed_total[$__rate_interval])) * 3600"),
    stat("Sagas that wait for a person", "short", "sum(max by (saga) (saga_stuck))"),
    stat("Alerts", "short", 'count(ALERTS{alertstate="firing"}) or vector(0)'),
    graph("Requests by service", "reqps", (rate("http_requests_total", "service"), "{{service}}")),
    graph("p99 by service", "s", (p(0.99, "http_request_seconds", "service"), "{{service}}")),
    graph("5xx by service", "percentunit", ("service:http_errors:ratio_rate5m", "{{service}}")),
    graph("Requests under way", "short", ("sum by (service) (http_requests_running)", "{{service}}")),
    graph("Processor", "percentunit", ("sum by (job) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{job}}")),
    graph("Memory", "bytes", ("sum by (job) (process_resident_memory_bytes)", "{{job}}")),
    graph("Open files", "short", ("sum by (job) (process_open_fds)", "{{job}}")),
    graph("Targets that answer", "short", ("sum by (job) (up)", "{{job}}")),
    ("table", "Versions", "short", [("max by (service, version, instance) (build_info)", "")], 12),
    graph("Cache reads that hit", "percentunit", (cached("hit|shared"), "{{cache}}"), about="In the process or in Redis: nothing was loaded."),
]

ORDERS = [
    stat("Open sagas", "short", 'sum(max by (saga, state) (saga_open))'),
    stat("Stuck", "short", "sum(max by (saga) (saga_stuck))"),
    stat("Oldest open saga", "s", "max(saga_oldest_age_seconds)"),
    stat("Orders that hold stock", "short", "max(holds_open)"),
    stat("Dead jobs", "short", "sum(max by (queue) (jobs_dead))"),
    stat("Oldest event to hand over", "s", "max(outbox_oldest_seconds)"),
    graph("Orders placed and moved", "short", ("sum(rate(orders_placed_total[$__rate_interval])) * 60", "placed"),
          ("sum by (to) (rate(orders_moved_total[$__rate_interval])) * 60", "{{to}}"),
          ("sum(rate(orders_turned_away_total[$__rate_interval])) * 60", "turned away"), about="A minute."),
    graph("Sagas begun and ended", "short", ("sum by (saga) (rate(saga_started_total[$__rate_interval])) * 60", "{{saga}} begun"),
          ("sum by (saga, end) (rate(saga_ended_total[$__rate_interval])) * 60", "{{saga}} {{end}}"), about="A minute."),
    graph("Open sagas by state", "short", ("max by (saga, state) (saga_open)", "{{saga}} {{state}}")),
    graph("Age of the oldest saga", "s", ("max by (saga) (saga_oldest_age_seconds)", "{{saga}}")),
    graph("p95 of a step", "s", (p(0.95, "saga_step_seconds", "saga, step"), "{{saga}} {{step}}")),
    graph("Attempts at steps", "short", (rate("saga_step_seconds_count", "saga, step"), "{{saga}} {{step}}")),
    graph("Stock on hold", "short", ("max(holds_open)", "orders"), ("max(holds_open_units)", "units"), ("max(holds_overdue)", "overdue")),
    graph("Value on hold", "short", ("max by (currency) (holds_value_minor) / 100", "{{currency}}"), about="In major units, for currencies with two decimals."),
    graph("What is done to stock", "short", (rate("stock_operations_total", "operation, outcome"), "{{operation}} {{outcome}}")),
    graph("Holds that expired", "short", ("sum(increase(holds_expired_total[1h]))", "in an hour")),
    graph("Work that shared a commit", "short",
          ("sum by (what) (rate(folded_per_commit_sum[$__rate_interval])) / (sum by (what) (rate(folded_per_commit_count[$__rate_interval])) > 0)", "{{what}}"),
          about="On average."),
    graph("Jobs that wait", "short", ("max by (queue) (jobs_due)", "{{queue}} due"), ("max by (queue) (jobs_delayed)", "{{queue}} delayed"),
          ("max by (queue) (jobs_running)", "{{queue}} running"), ("max by (queue) (jobs_dead)", "{{queue}} dead")),
    graph("How far jobs are behind", "s", ("max by (queue) (jobs_oldest_due_seconds)", "{{queue}}")),
    graph("Attempts at jobs", "short", (rate("jobs_ended_total", "kind, outcome"), "{{kind}} {{outcome}}")),
    graph("p95 of a job", "s", (p(0.95, "job_seconds", "kind"), "{{kind}}")),
    graph("Events to hand over", "short", ("max by (service) (outbox_waiting)", "{{service}} waiting"),
          (rate("events_relayed_total", "service"), "{{service}} taken a second"), (rate("events_refused_total", "service"), "{{service}} not taken a second")),
    graph("Attempts to send a mail", "short", ("sum by (outcome) (rate(mails_total[$__rate_interval])) * 60", "{{outcome}}"), about="A minute; all but `sent` and `refused` are tried again."),
    graph("Mails that wait", "short", ('max(jobs_due{queue="mail"})', "due"), ('max(jobs_delayed{queue="mail"})', "to be tried again"), ('max(jobs_dead{queue="mail"})', "given up")),
]

PAYMENTS = [
    stat("Revenue in a day", "short", "sum(increase(payments_captured_minor_total[1d])) / 100", "In major units, for currencies with two decimals."),
    stat("Refunded in a day", "short", "sum(increase(payments_refunded_minor_total[1d])) / 100", "In major units, for currencies with two decimals."),
    stat("Mismatches", "short", "max(payments_mismatched)"),
    stat("Outcome unknown for 15 min", "short", "max(payment_operations_overdue)"),
    stat("Dead webhooks", "short", "max(webhook_events_dead)"),
    stat("Stripe", "short", 'max(breaker_open{upstream="stripe"})', "1 while calls are refused."),
    graph("Payments", "short", ("sum by (outcome) (rate(payments_total[$__rate_interval])) * 60", "{{outcome}}"), about="A minute."),
    graph("Money", "short", ("sum by (currency) (rate(payments_captured_minor_total[$__rate_interval])) * 36", "{{currency}} in"),
          ("sum by (currency) (rate(payments_refunded_minor_total[$__rate_interval])) * 36", "{{currency}} back"),
          about="An hour, in major units, for currencies with two decimals."),
    graph("What needs somebody", "short", ("sum(increase(refunds_failed_total[1h]))", "refunds that failed"),
          ("sum(increase(orders_paid_after_cancel_total[1h]))", "money after the cancellation"), ("max(payments_mismatched)", "mismatches"), ("max(payments_refund_owed)", "refunds owed"),
          ("sum(increase(payments_drifted_total[1h]))", "changes without a webhook"), ("max by (scope) (reconciliation_unexplained)", "unexplained, {{scope}}"), ("sum(increase(disputes_total[1h])) or vector(0)", "disputes")),
    graph("Calls to Stripe", "short", (rate("stripe_calls_total", "operation, outcome"), "{{operation}} {{outcome}}")),
    graph("p95 of Stripe", "s", (p(0.95, "stripe_call_seconds", "operation"), "{{operation}}")),
    graph("Calls to Stripe without a known outcome", "percentunit",
          ('(sum(rate(stripe_calls_total{outcome="unknown"}[$__rate_interval])) or vector(0)) / sum(rate(stripe_calls_total[$__rate_interval]))', "unknown")),
    graph("Webhooks", "short", (rate("webhooks_received_total", "repeated"), "received, repeated: {{repeated}}"),
          ("sum(rate(webhooks_refused_total[$__rate_interval]))", "refused"), ("sum(rate(webhooks_ignored_total[$__rate_interval]))", "ignored"),
          ("sum(rate(webhook_events_dead_total[$__rate_interval]))", "given up")),
    graph("Webhooks to work off", "short", ("max(webhook_events_waiting)", "waiting"), ("max(webhook_events_dead)", "dead")),
    graph("Age of the oldest webhook", "s", ("max(webhook_events_oldest_seconds)", "oldest")),
    graph("Differences that reconciliation found", "short", ("sum by (scope, outcome) (increase(reconciliation_drift_total[1d]))", "{{scope}} {{outcome}}"),
          about="In a day."),
]

GATEWAY = [
    stat("Requests", "reqps", f"sum(rate(http_requests_total{{{EDGE}}}[$__rate_interval]))"),
    stat("Error budget left", "percentunit", "1 - gateway:http_errors:ratio_rate3d / 0.001", "Of three days, at 99.9 %."),
    stat("Slower than half a second", "percentunit", "gateway:http_slow:ratio_rate5m"),
    stat("Under way", "short", f"sum(http_requests_running{{{EDGE}}})"),
    stat("Refused by limits", "reqps", "sum(rate(gateway_rate_limited_total[$__rate_interval]))"),
    stat("Open breakers", "short", "sum(max by (service, upstream) (breaker_open))"),
    graph("Requests by route", "reqps", (rate("http_requests_total", "method, route", EDGE), "{{method}} {{route}}")),
    graph("Answers by status", "reqps", (rate("http_requests_total", "status", EDGE), "{{status}}")),
    graph("p50 by route", "s", (p(0.5, "http_request_seconds", "method, route", EDGE), "{{method}} {{route}}")),
    graph("p99 by route", "s", (p(0.99, "http_request_seconds", "method, route", EDGE), "{{method}} {{route}}")),
    graph("5xx over several windows", "percentunit", *((f"gateway:http_errors:ratio_rate{w}", w) for w in ("5m", "30m", "1h", "2h", "6h", "1d", "3d"))),
    graph("Slow answers over several windows", "percentunit", *((f"gateway:http_slow:ratio_rate{w}", w) for w in ("5m", "30m", "1h", "6h"))),
    graph("Refused by limits", "reqps", (rate("gateway_rate_limited_total", "policy"), "{{policy}}")),
    graph("Breakers", "short", ("max by (service, upstream) (breaker_open)", "{{service}} to {{upstream}}"), about="1 while calls are refused."),
    graph("Signing in", "short", (rate("sign_ins_total", "result"), "{{result}}"), ("sum(rate(refresh_token_reuse_total[$__rate_interval]))", "token used twice"),
          ("sum(rate(password_hashes_refused_total[$__rate_interval]))", "too many at once")),
    graph("Seen from outside", "s", ("max by (instance) (probe_duration_seconds)", "{{instance}}"), ("min by (instance) (probe_success)", "{{instance}} answers")),
]

POSTGRES = [
    stat("Answers", "short", "min(pg_up)"),
    stat("Connections", "short", "sum(pg_stat_activity_count)"),
    stat("Connections at most", "short", "max(pg_settings_max_connections)"),
    stat("Read from memory", "percentunit", "sum(rate(pg_stat_database_blks_hit[$__rate_interval])) / (sum(rate(pg_stat_database_blks_hit[$__rate_interval])) + sum(rate(pg_stat_database_blks_read[$__rate_interval])))"),
    stat("Size", "bytes", "sum(pg_database_size_bytes)"),
    stat("Deadlocks in a day", "short", "sum(increase(pg_stat_database_deadlocks[1d]))"),
    graph("Commits", "short", (rate("pg_stat_database_xact_commit", "datname"), "{{datname}}")),
    graph("Rollbacks", "short", (rate("pg_stat_database_xact_rollback", "datname"), "{{datname}}")),
    graph("Rows written", "short", (rate("pg_stat_database_tup_inserted", "datname"), "{{datname}} inserted"), (rate("pg_stat_database_tup_updated", "datname"), "{{datname}} updated")),
    graph("Rows read", "short", (rate("pg_stat_database_tup_fetched", "datname"), "{{datname}}")),
    graph("Connections by state", "short", ("sum by (state) (pg_stat_activity_count)", "{{state}}")),
    graph("Longest transaction", "s", ("max by (datname) (pg_stat_activity_max_tx_duration)", "{{datname}}")),
    graph("Locks", "short", ("sum by (mode) (pg_locks_count)", "{{mode}}")),
    graph("Size by database", "bytes", ("max by (datname) (pg_database_size_bytes)", "{{datname}}")),
    graph("Pools of the services", "short", ("sum by (service, state) (db_pool_connections)", "{{service}} {{state}}"), ("sum by (service) (db_pool_limit)", "{{service}} at most")),
    graph("Waiting for a connection", "s", ("max by (service) (db_pool_wait_seconds)", "{{service}}")),
]

REDIS = [
    stat("Answers", "short", "min(redis_up)"),
    stat("Processes without it", "short", "count(redis_connected == 0) or vector(0)"),
    stat("Clients", "short", "sum(redis_connected_clients)"),
    stat("Memory", "bytes", "sum(redis_memory_used_bytes)"),
    stat("Keys", "short", "sum(redis_db_keys)"),
    stat("Commands", "ops", "sum(rate(redis_commands_processed_total[$__rate_interval]))"),
    stat("Evicted in a day", "short", "sum(increase(redis_evicted_keys_total[1d]))"),
    graph("Commands", "ops", ("sum by (cmd) (rate(redis_commands_total[$__rate_interval]))", "{{cmd}}")),
    graph("Time of a command", "s", ("sum by (cmd) (rate(redis_commands_duration_seconds_total[$__rate_interval])) / (sum by (cmd) (rate(redis_commands_total[$__rate_interval])) > 0)", "{{cmd}}")),
    graph("Reads that find something", "percentunit",
          ("sum(rate(redis_keyspace_hits_total[$__rate_interval])) / (sum(rate(redis_keyspace_hits_total[$__rate_interval])) + sum(rate(redis_keyspace_misses_total[$__rate_interval])))", "hits")),
    graph("Memory", "bytes", ("sum by (instance) (redis_memory_used_bytes)", "used"), ("sum by (instance) (redis_memory_max_bytes)", "at most")),
    graph("Network", "Bps", ("sum(rate(redis_net_input_bytes_total[$__rate_interval]))", "in"), ("sum(rate(redis_net_output_bytes_total[$__rate_interval]))", "out")),
    graph("Services that have a connection", "short", ("sum by (service) (redis_connected)", "{{service}}"), about="Processes of each. One that has none goes on without Redis."),
    graph("Cache reads that Redis answered", "percentunit", (cached("shared"), "{{cache}}"), about="Those that the process itself could not."),
    graph("Keys that go", "short", ("sum(rate(redis_expired_keys_total[$__rate_interval]))", "expired"), ("sum(rate(redis_evicted_keys_total[$__rate_interval]))", "evicted")),
]

PICTURES = [
    stat("Calls that fail", "percentunit", '(sum(rate(image_storage_calls_total{outcome!="done"}[$__rate_interval])) or vector(0)) / sum(rate(image_storage_calls_total[$__rate_interval]))', "Of those to the folder or the bucket."),
    stat("Bucket", "short", 'max(breaker_open{upstream="image-storage"}) or vector(0)', "1 while calls are refused; always 0 for a folder."),
    stat("Full in a day", "short", 'sum(increase(image_storage_calls_total{outcome="full"}[1d]))', "Writes for which there was no room."),
    stat("Uploads in a day", "short", 'sum(increase(image_render_seconds_count{outcome="done"}[1d]))'),
    stat("Refused in a day", "short", "sum(increase(image_uploads_refused_total[1d]))", "Uploads, because too many were under way."),
    stat("Swept in a day", "short", "sum(increase(images_swept_total[1d]))", "Pictures that no product named any more."),
    graph("Calls to the storage", "ops", (rate("image_storage_calls_total", "operation, outcome"), "{{operation}} {{outcome}}")),
    graph("Uploads", "short", ("sum by (outcome) (rate(image_render_seconds_count[$__rate_interval])) * 60", "{{outcome}}"),
          ("sum(rate(image_uploads_refused_total[$__rate_interval])) * 60", "too many at once"), about="A minute."),
    graph("Rendering", "s", (p(0.5, "image_render_seconds", "outcome"), "p50 {{outcome}}"), (p(0.95, "image_render_seconds", "outcome"), "p95 {{outcome}}")),
    graph("Pictures shown", "reqps", (rate("http_requests_total", "status", SHOWN), "{{status}}")),
    graph("p99 of showing one", "s", (p(0.99, "http_request_seconds", "service", SHOWN), "{{service}}")),
    graph("Swept", "short", ("sum(increase(images_swept_total[1h]))", "in an hour")),
]

DASHBOARDS = [
    ("overview", "Souk: overview", "Is the shop well?", OVERVIEW),
    ("orders", "Souk: orders and sagas", "Orders on their way, their stock, their jobs and events.", ORDERS),
    ("payments", "Souk: payments", "Money, and what the provider says.", PAYMENTS),
    ("gateway", "Souk: gateway", "The entry: rate, errors, duration by route; the promise to buyers.", GATEWAY),
    ("postgres", "Souk: PostgreSQL", "The databases, and the pools of those who use them.", POSTGRES),
    ("pictures", "Souk: pictures", "Uploads, their rendering, and the folder or bucket that keeps them.", PICTURES),
    ("redis", "Souk: Redis", "The cache and the shared limits.", REDIS),
]
