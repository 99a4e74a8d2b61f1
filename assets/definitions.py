"""The whole code location on one page."""

import dagster as dg

from assets.automation import SCHEDULES, SENSORS
from assets.benchmarks import BENCHMARK_ASSETS
from assets.checks import checks_of
from assets.dataset import CATALOG_ASSETS, DATASET_ASSETS
from assets.embeddings import EMBEDDINGS_ASSETS
from assets.faiss_index import INDEX_ASSETS
from assets.index_report import INDEX_REPORT_ASSETS
from assets.jobs import JOBS
from assets.leaderboard import leaderboard
from assets.partitions import LAYOUT
from assets.pca import PCA_REPORT_ASSETS, pca
from assets.places import places
from assets.recall_report import REPORT_ASSETS
from assets.resources import Pipeline, RefusingIOManager
from assets.training import checkpoint
from gsv_pipeline.audits import AUDITS

ASSETS = [
    *DATASET_ASSETS.values(),  # dataset/<dataset>
    *CATALOG_ASSETS.values(),  # catalog/<dataset>
    places,
    checkpoint,
    *BENCHMARK_ASSETS.values(),  # benchmark/<benchmark>
    *EMBEDDINGS_ASSETS.values(),  # embeddings/<benchmark>
    *INDEX_ASSETS.values(),  # faiss_index/<benchmark>
    *REPORT_ASSETS.values(),  # recall_report/<benchmark>
    leaderboard,
    # What a person asks for before deploying a model; no job takes it.
    *INDEX_REPORT_ASSETS.values(),  # index_report/<benchmark>
    pca,
    *PCA_REPORT_ASSETS.values(),  # pca_report/<benchmark>
]

defs = dg.Definitions(
    assets=ASSETS,
    asset_checks=[checks_of(asset) for asset in ASSETS if asset.key.path[0] in AUDITS],
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    resources={"pipeline": Pipeline(data_root=str(LAYOUT.root)), "io_manager": RefusingIOManager()},
)
