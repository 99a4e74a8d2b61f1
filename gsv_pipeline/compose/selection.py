"""A data set's catalog, its verdict, and the places that an experiment selects from it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gsv_pipeline import recipes
from gsv_pipeline.benchmarks import held_out_cities
from gsv_pipeline.config import Experiment
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import require
from gsv_pipeline.sources.location import image_root

if TYPE_CHECKING:
    import pandas as pd

    from gsv_pipeline.places.select import Clause


def load_catalog(layout: Layout, dataset: str, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """The catalog of a data set, or some columns of it.

    Raises:
        DataError: Missing or damaged, or the data set is not sound.
    """
    from gsv_pipeline.catalog.schema import CATALOG_FILE
    from gsv_pipeline.catalog.tables import read_table

    require_sound(layout, dataset)
    return read_table(layout.catalog(dataset) / CATALOG_FILE, columns)


def require_sound(layout: Layout, dataset: str) -> None:
    """Refuse a data set with more in quarantine than its limit.

    Raises:
        DataError: Names each broken rule with its first examples.
    """
    from gsv_pipeline.catalog.report import REPORT_PAGE, read_report

    root = image_root(layout.dataset(dataset))
    remedy = (
        f"Everything is listed in {layout.catalog(dataset) / REPORT_PAGE}. Mend the files below {root} or fetch again "
        f"(gsv-pipeline fetch {dataset} --force); or admit more: gsv-pipeline catalog {dataset} --max-quarantined SHARE"
    )
    read_report(layout.catalog(dataset)).require_sound(dataset=dataset, remedy=remedy)


def select(layout: Layout, experiment: Experiment) -> "tuple[pd.DataFrame, list[Clause]]":
    """The places that an experiment's filter selects, and what each clause of it left.

    Raises:
        StaleInputError: There is no catalog, or it is out of date.
        ConfigError: An unknown city, or one that a benchmark tests on.
        DataError: No place is left.
    """
    from gsv_pipeline.places.select import COLUMNS, select_places

    require(layout, recipes.catalog_of(layout, experiment.dataset))
    return select_places(
        load_catalog(layout, experiment.dataset, [name for name in COLUMNS if name != "label"]),
        **experiment.places.model_dump(),
        excluded=held_out_cities(experiment.dataset),
    )
