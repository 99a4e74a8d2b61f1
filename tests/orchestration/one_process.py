"""The real code location, but its runs take one process instead of one per step: whoever waits for them waits less."""

import dagster as dg
from dagster_shared.record import replace

from assets import definitions
from assets.jobs import JOBS

defs = dg.Definitions(
    assets=definitions.defs.assets,
    asset_checks=definitions.defs.asset_checks,
    jobs=[replace(job, executor_def=dg.in_process_executor) for job in JOBS],
    schedules=definitions.defs.schedules,
    sensors=definitions.defs.sensors,
    resources=definitions.defs.resources,
    executor=dg.in_process_executor,
)
