"""Asset checks: every question of `gsv_pipeline.audits` about every asset, one step per asset."""

import warnings
from collections.abc import Iterator

import dagster as dg

from assets.resources import Pipeline
from assets.results import check_results, explained
from gsv_pipeline.audits import AUDITS
from gsv_pipeline.registry import resolve


def checks_of(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """The checks of an asset whose key begins with a row of AUDITS.

    They have its partitions, else one experiment's pass would hide another's failure, and its pool, since checking a
    checkpoint may use the device too.
    """
    kind, *names = asset.key.path
    audit = AUDITS[kind]

    @dg.multi_asset_check(
        name="__".join(["check", kind, *names]), specs=_specs(asset), pool=asset.op.pool, can_subset=True
    )
    def check(context: dg.AssetCheckExecutionContext, pipeline: Pipeline) -> Iterator[dg.AssetCheckResult]:
        with explained():
            experiments = [pipeline.experiment_of(context)] if asset.partitions_def else []
            verdicts = resolve(audit.answer)(pipeline.layout(), *experiments, *names, tracker=pipeline.tracker(context))
        asked = {key.name for key in context.selected_asset_check_keys}
        yield from (item for item in check_results(asset.key, audit.questions, verdicts) if item.check_name in asked)

    return check


def _specs(asset: dg.AssetsDefinition) -> list[dg.AssetCheckSpec]:
    with warnings.catch_warnings():
        # Partitioned checks are what keeps experiments apart; that Dagster calls them a preview is known.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                name,
                asset=asset,
                description=question.meaning,
                blocking=question.blocking,
                partitions_def=asset.partitions_def,
            )
            for name, question in AUDITS[asset.key.path[0]].questions.items()
        ]
