"""A data set's files -> its table, its quarantine and the page about both."""

from pathlib import Path

from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import write_json
from gsv_pipeline.production import Output
from gsv_pipeline.sources.location import read_location
from gsv_pipeline.sources.own import dataset_row
from gsv_pipeline.tracking import Tracker


def write_catalog(
    layout: Layout,
    dataset: str,
    *,
    target: Path,
    previous: Path | None,
    look: str,
    limit: float,
    expected: tuple[str, ...],
    again: bool,
    tracker: Tracker,
) -> Output:
    """Tabulate a data set into `target`.

    Args:
        layout: Where things live.
        dataset: Its name.
        target: An empty folder.
        previous: A catalog made by the same code, of which unchanged cities are taken over.
        look: How closely at each image.
        limit: Largest share in quarantine with which the data set may be used.
        expected: Codes of the cities that it should hold; empty where nobody has listed them.
        again: Look at every city anew.
        tracker: Shows a bar.
    """
    from gsv_pipeline.catalog.build import build_catalog, write_built
    from gsv_pipeline.catalog.report import REPORT_FILE, REPORT_PAGE
    from gsv_pipeline.catalog.schema import CATALOG_FILE
    from gsv_pipeline.catalog.validate import Published
    from gsv_pipeline.reports.validation_page import city_rows, write_validation_page

    row, location = dataset_row(layout, dataset), read_location(layout.dataset(dataset))
    built = build_catalog(
        location,
        target=target,
        previous=previous,
        level=look,
        limit=limit,
        again=again,
        published=Published(expected, row.num_images, row.num_places),
        tracker=tracker,
    )
    write_built(built, target)
    report, table = built.report, built.table
    write_json(target / REPORT_FILE, report.to_json())
    write_validation_page(
        target / REPORT_PAGE,
        report,
        dataset=dataset,
        facts={"data set": row.description, "licence": row.licence, "lies in": str(location.root)},
        cities=city_rows(table, built.quarantine),
        quarantine=built.quarantine,
    )
    return Output(
        {
            "images": len(table),
            "places": table["place_id"].nunique(),
            "cities": sorted(table["city"].unique()),
            "cities_unchanged": built.reused,
            "quarantined": report.quarantined,
            "warnings": sum(item.count for item in report.warnings),
            "sound": report.is_sound,
            "report": str(layout.catalog(dataset) / REPORT_PAGE),
        },
        version_files=(CATALOG_FILE,),
    )
