"""The recall reports on disk as rows of the leaderboard."""

from collections.abc import Mapping
from pathlib import Path

from gsv_pipeline.evaluation.score import RECALL_FILE, Score, load_baselines, load_score
from gsv_pipeline.layout import Layout
from gsv_pipeline.manifest import Manifest, read_json, read_manifest
from gsv_pipeline.reports.data import LeaderboardRow
from gsv_pipeline.reports.recall_report import PAGE_FILE


def reports_on_disk(layout: Layout) -> dict[Path, Manifest]:
    """Folder -> manifest of every finished recall report, sorted by benchmark and experiment."""
    folders = sorted(path.parent for path in (layout.root / "recall_report").glob("*/*/manifest.json"))
    finished = [folder for folder in folders if not folder.name.startswith(".") and folder.suffix != ".previous"]
    found = {folder: read_manifest(folder) for folder in finished}
    return {folder: manifest for folder, manifest in found.items() if manifest is not None}


def collect_rows(layout: Layout, reports: Mapping[Path, Manifest]) -> list[LeaderboardRow]:
    """A row per report, each followed by its baselines."""
    rows = []
    for folder, manifest in reports.items():
        values = read_json(folder / RECALL_FILE)
        score = load_score(folder)
        benchmark = values["benchmark"]
        rows.append(
            LeaderboardRow(
                experiment=score.name,
                benchmark=benchmark,
                recall_at=score.recall_at,
                interval_at=score.interval_at,
                report=f"../{layout.key(folder)}/{PAGE_FILE}",
                trained_on=values.get("trained_on", ""),
                descriptor_size=int(values["descriptor_size"]),
                created=manifest.created,
            )
        )
        rows += [_baseline_row(item, benchmark, of=score.name) for item in load_baselines(folder)]
    return rows


def _baseline_row(score: Score, benchmark: str, *, of: str) -> LeaderboardRow:
    return LeaderboardRow(score.name, benchmark, score.recall_at, score.interval_at, of=of)
