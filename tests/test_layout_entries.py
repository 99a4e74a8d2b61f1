"""What lies where artifacts lie, and whose it is."""

from pathlib import Path

from gsv_pipeline.layout import DEPTHS, Layout


def test_what_stands_beside_an_artifact_belongs_to_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for artifact in (layout.checkpoint("mix.v2"), layout.embeddings("demo_test", "demo"), layout.leaderboard()):
        beside = (
            layout.previous(artifact), layout.partial(artifact), layout.failure(artifact), layout.extraction(artifact),
        )  # fmt: skip
        assert {layout.owner(path) for path in (artifact, *beside)} == {artifact}
    assert layout.owner(layout.training_state("mix.v2")) == layout.checkpoint("mix.v2")


def test_every_stage_lies_as_deep_as_the_table_says(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    artifacts = {
        "dataset": layout.dataset("a"),
        "catalog": layout.catalog("a"),
        "places": layout.places("e"),
        "benchmark": layout.benchmark("b"),
        "checkpoint": layout.checkpoint("e"),
        "embeddings": layout.embeddings("b", "e"),
        "faiss_index": layout.faiss_index("b", "e"),
        "deployment_index": layout.deployment_index("b", "e", "ivf"),
        "index_report": layout.index_report("b", "e"),
        "pca": layout.pca("e"),
        "pca_report": layout.pca_report("b", "e"),
        "baseline": layout.baseline("b", "thumbnail"),
        "recall_report": layout.recall_report("b", "e"),
        "export": layout.export("e"),
        "leaderboard": layout.leaderboard(),
    }
    assert list(artifacts) == list(DEPTHS)
    for stage, artifact in artifacts.items():
        assert layout.entries(stage) == []
        artifact.mkdir(parents=True)
        layout.partial(artifact).mkdir()
        assert layout.entries(stage) == sorted([artifact, layout.partial(artifact)])


def test_entries_do_not_follow_links(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    (tmp_path / "elsewhere" / "e").mkdir(parents=True)
    (tmp_path / "data" / "embeddings").mkdir(parents=True)
    (tmp_path / "data" / "embeddings" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "checkpoint").symlink_to(tmp_path / "elsewhere")
    assert layout.entries("embeddings") == []
    assert layout.entries("checkpoint") == []
