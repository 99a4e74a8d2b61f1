"""The real code location, but its runs take one process instead of one per step: whoever waits for them waits less."""

import dagster as dg

from assets import definitions

defs = dg.Definitions(
    assets=definitions.defs.assets,
    asset_checks=definitions.defs.asset_checks,
    jobs=definitions.defs.jobs,
    schedules=definitions.defs.schedules,
    sensors=definitions.defs.sensors,
    resources=definitions.defs.resources,
    executor=dg.in_process_executor,
)
