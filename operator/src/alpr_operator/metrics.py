"""All metrics of the operator; those that controller-runtime has bear its names, so that its dashboards fit."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_QUEUE = "site"
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

DEPTH = Gauge("workqueue_depth", "Sites that wait for a pass or are in one.", ["name"]).labels(_QUEUE)
ADDS = Counter("workqueue_adds_total", "Times a site was marked.", ["name"]).labels(_QUEUE)
RETRIES = Counter("workqueue_retries_total", "Passes that failed and come again.", ["name"]).labels(_QUEUE)
QUEUED = Histogram(
    "workqueue_queue_duration_seconds", "How long a due site waited for its pass.", ["name"], buckets=_FAST
).labels(_QUEUE)
WORKED = Histogram("workqueue_work_duration_seconds", "How long a pass took.", ["name"], buckets=_FAST).labels(_QUEUE)
RECONCILES = Counter("controller_runtime_reconcile_total", "Passes, by result.", ["controller", "result"])
RECONCILE_TIME = Histogram(
    "controller_runtime_reconcile_time_seconds", "How long a pass took.", ["controller"], buckets=_FAST
).labels(_QUEUE)
REQUESTS = Counter("rest_client_requests_total", "Requests to the API server.", ["code", "method"])
REQUEST_TIME = Histogram(
    "rest_client_request_duration_seconds", "How long the API server took.", ["verb"], buckets=_FAST
)
LEADS = Gauge("leader_election_master_status", "Whether this replica leads.", ["name"])
WRITES = Counter("alpr_writes_total", "Objects written, by kind and reason.", ["kind", "reason"])
WAITING = Gauge("alpr_operator_writes_waiting", "Writes that have not been answered yet.")
EVENTS_SEEN = Counter("alpr_operator_events_total", "Watch events taken in, by kind.", ["kind"])
ASSIGNMENT_LAG = Histogram(
    "alpr_assignment_lag_seconds", "From a change that was seen to its assignment written.", buckets=_FAST
)
LOOP_LAG = Histogram("alpr_loop_lag_seconds", "How late the event loop wakes up.", buckets=_FAST)
MISSED = Counter(
    "alpr_operator_missed_events_total", "Objects whose change the watches did not tell, by kind.", ["kind"]
)
CAMERAS = Gauge("alpr_operator_cameras", "Cameras, by whether they have a node.", ["assigned"])
