"""`match` draws what a model finds between any two folders."""

import shutil
from pathlib import Path

import pytest

from gsv_pipeline import views
from gsv_pipeline.errors import DataError
from gsv_pipeline.layout import Layout
from tests.tiny import tiny_experiment
from tests.trackers import TRACKER, Heard


def test_match_draws_any_two_folders_and_scores_names_with_coordinates(chain_layout: Layout, tmp_path: Path) -> None:
    city = chain_layout.dataset("demo") / "Images" / "Marwick"
    for number, image in enumerate(sorted(city.iterdir())):
        folder = tmp_path / ("queries" if number % 3 == 0 else "database")
        folder.mkdir(exist_ok=True)
        shutil.copy(image, folder / image.name)
    experiment = tiny_experiment(chain_layout)
    folders = {"database": tmp_path / "database", "queries": tmp_path / "queries"}
    scored = views.match(chain_layout, experiment, **folders, tracker=TRACKER, output=tmp_path / "page.html")
    assert 0.0 <= scored.metadata["R@1"] <= scored.metadata["R@10"] <= 1.0
    assert "<img" in (tmp_path / "page.html").read_text()
    for image in sorted(folders["queries"].iterdir()):
        image.rename(image.with_name(f"photo{image.stem[-6:]}.jpg"))
    heard = Heard()
    views.match(chain_layout, experiment, database=folders["queries"], queries=folders["queries"], tracker=heard)
    assert any("queries are database images too" in text for text in heard.said)
    plain = views.match(chain_layout, experiment, **folders, tracker=TRACKER)
    assert "R@1" not in plain.metadata
    assert plain.artifact.parent == chain_layout.match("demo")
    other = views.match(chain_layout, experiment, database=folders["queries"], queries=city, tracker=TRACKER)
    again = views.match(chain_layout, experiment, **folders, tracker=TRACKER)
    assert again.artifact == plain.artifact != other.artifact
    assert plain.artifact.is_file()


def test_a_match_page_that_cannot_be_written_is_one_message(chain_layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    city = chain_layout.dataset("demo") / "Images" / "Marwick"
    with pytest.raises(DataError, match=r"cannot be written .* Choose another one with --output"):
        views.match(
            chain_layout,
            tiny_experiment(chain_layout),
            database=city,
            queries=city,
            tracker=TRACKER,
            output=tmp_path / "file" / "page.html",
        )
