"""What a person does in the Dagster UI, by what is written on it: roles and texts, no generated names."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

ENDED: Final = re.compile("^(Success|Failure|Canceled)$")
_TRIES: Final = 6
_DRAWN_MS: Final = 10_000
_SHOW: Final = "[Show Markdown]"
_DECODED_WIDTHS: Final = "all => Promise.all(all.map(image => image.decode().then(() => image.naturalWidth)))"


@dataclass(frozen=True, slots=True)
class DagsterUi:
    """Somebody in front of a browser.

    Args:
        page: Of a browser.
        address: Of the web server.
    """

    page: Any
    address: str

    def open_graph(self, selection: str = "") -> None:
        """The graph of all assets, or of those of a selection such as `key:"*demo*"`; its groups are collapsed."""
        self._go(f"asset-groups~{quote(selection, safe='')}" if selection else "asset-groups")
        self.page.get_by_role("button", name="Materialize all").wait_for()

    def groups(self) -> list[str]:
        """The groups that the list beside the graph names."""
        listed = self.page.get_by_role("button", name=re.compile("^asset_group "))
        listed.first.wait_for()
        return sorted(text.splitlines()[0] for text in listed.all_inner_texts())

    def change_graph(self, *changes: str) -> None:
        """Choose entries of the graph's menu, such as `Expand all groups`."""
        for change in changes:
            self.page.get_by_role("button", name="settings", exact=True).last.click()
            self.page.get_by_role("menuitem", name=change).click()
            self.page.keyboard.press("Escape")

    def choose_facets(self, *wanted: str) -> None:
        """What the graph tells of each asset, of what its dialog offers."""
        self.page.get_by_role("button", name="config", exact=True).last.click()
        dialog = self.page.get_by_role("dialog")
        boxes = dialog.get_by_role("checkbox")
        boxes.first.wait_for(state="attached")
        for facet in map(str.strip, dialog.locator("label").all_inner_texts()):
            box = dialog.get_by_role("checkbox", name=facet, exact=True)
            if box.is_checked() != (facet in wanted):
                dialog.get_by_text(facet, exact=True).first.click()
        dialog.get_by_role("button", name="Save").click()
        dialog.wait_for(state="detached")

    def shows_asset(self, name: str) -> bool:
        """Whether the graph comes to show an asset; its last part is written on it."""
        self.page.get_by_text(name, exact=True).first.wait_for()
        return True

    def open_asset(self, key: str, tab: str = "Overview") -> None:
        """A tab of the page of an asset, such as `benchmark/demo_test`."""
        self._go(f"assets/{key}")
        self.page.get_by_role("tab", name=tab, exact=True).click()

    def open_partition(self, key: str, partition: str) -> None:
        """What is known of one partition of an asset."""
        self._go(f"assets/{key}?view=partitions&partition={partition}")
        self.page.get_by_text("Latest materialization", exact=True).wait_for()

    def materialize(self, partition: str = "") -> None:
        """Press the button on the page of an asset, answer what is asked, and go to the page of the run."""
        self.page.get_by_role("button", name=re.compile("Materialize")).first.click()
        confirm = self.page.get_by_role("button", name="Confirm")
        chooser = self.page.get_by_text("Select a partition or create one")
        launched = self.page.get_by_role("link", name="View", exact=True)
        confirm.or_(chooser).or_(launched).first.wait_for()
        if confirm.is_visible():  # inputs that Dagster has not seen being made
            confirm.click()
        if partition:
            self._choose(partition, opens=chooser)
        launched.click()
        self.page.wait_for_url("**/runs/**")

    def _choose(self, partition: str, *, opens: Any) -> None:
        from playwright.sync_api import TimeoutError as NotThere

        # The list is drawn again when the partitions arrive, and may be gone with that: then it is opened once more.
        for _ in range(_TRIES):
            opens.click()
            with suppress(NotThere):
                self.page.get_by_role("textbox", name="Filter partitions").fill(partition, timeout=_DRAWN_MS)
                item = self.page.get_by_role("menuitem", name=f"{partition} {partition}", exact=True)
                item.click(timeout=_DRAWN_MS)
                break
        self.page.keyboard.press("Escape")
        self.page.get_by_role("button", name="Launch 1 run").click()

    def run_ends(self, *, within_s: float) -> str:
        """Wait on the page of a run; returns how it ended."""
        ended = self.page.get_by_text(ENDED).first
        ended.wait_for(timeout=within_s * 1000)
        return str(ended.inner_text())

    def metadata(self, title: str) -> Any:
        """The row of a materialization's metadata that has this title."""
        named = self.page.get_by_role("cell", name=title, exact=True)
        row = self.page.get_by_role("row").filter(has=named).first
        row.wait_for()
        return row

    def look_at(self, title: str) -> list[int]:
        """Open what Markdown shows in a dialog and close it again; returns the widths of its pictures in pixels."""
        self.metadata(title).get_by_text(_SHOW).click()
        dialog = self.page.get_by_role("dialog")
        dialog.locator("img").first.wait_for()
        widths = dialog.locator("img").evaluate_all(_DECODED_WIDTHS)
        self.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
        return list(map(int, widths))

    def open_check(self, key: str, name: str) -> None:
        """A check of an asset, on its tab Checks."""
        self.open_asset(key, "Checks")
        self.page.get_by_text(name, exact=True).first.click()
        self.page.get_by_text("Evaluation result", exact=True).wait_for()

    def hide_navigation(self) -> None:
        """Leave the width to the page itself."""
        self.page.get_by_role("button", name="Hide navigation").click()

    def hide_list(self) -> None:
        """Leave the width to the graph itself."""
        self.page.get_by_role("button", name="panel_show_right", exact=True).last.click()

    def _go(self, where: str) -> None:
        self.page.goto(f"{self.address}/{where}")


def cut_short(image: Path) -> None:
    """Damage a file as a full disk does."""
    content = image.read_bytes()
    image.write_bytes(content[: len(content) // 2])
