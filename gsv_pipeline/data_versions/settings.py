"""What DVC is told by its configuration: where its cache is, and which remotes it knows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gsv_pipeline.data_versions.commands import run_dvc
from gsv_pipeline.errors import ConfigError
from gsv_pipeline.registry import unknown_name
from gsv_pipeline.tracking import Tracker

HOW_TO_ADD: Final = (
    "Remotes are added with DVC: dvc remote add -d storage /mnt/backup/gsv, or s3://bucket/folder, or "
    "ssh://host/folder; see `dvc remote --help`."
)
_REMOTE_SETTING: Final = re.compile(r"remote\.(?P<name>.+)\.(?P<key>[a-z0-9_]+)=(?P<value>.*)")
_DEFAULT_REMOTE: Final = "core.remote="
_CACHE_FOLDER: Final = "cache.dir="
_PASSWORD: Final = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")
_USUAL_CACHE: Final = Path(".dvc", "cache")


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote of DVC.

    Args:
        name: Its name.
        url: Where it is; it may hold a password.
        settings: Its other settings; some are secrets, so they are shown nowhere.
    """

    name: str
    url: str
    settings: Mapping[str, str]

    @property
    def shown(self) -> str:
        """Where it is, without a password."""
        return _PASSWORD.sub(r"\1@", self.url)

    @property
    def scheme(self) -> str:
        """What stands before `://`; empty for a folder."""
        return self.url.partition("://")[0].lower() if "://" in self.url else ""


@dataclass(frozen=True, slots=True)
class Settings:
    """DVC's configuration, of all its levels.

    Args:
        cache: Folder of the cache.
        remotes: By name.
        default: Name of the default remote.
    """

    cache: Path
    remotes: Mapping[str, Remote]
    default: str | None

    def remote(self, name: str | None) -> Remote:
        """The remote called `name`, or the default one.

        Raises:
            ConfigError: No such remote, or no default.
        """
        chosen = name or self.default
        if chosen is None:
            known = ", ".join(sorted(self.remotes)) or "none"
            raise ConfigError(f"DVC has no default remote (it knows: {known}). {HOW_TO_ADD}")
        if chosen not in self.remotes:
            raise ConfigError(f"{unknown_name('remote of DVC', chosen, self.remotes)} {HOW_TO_ADD}")
        return self.remotes[chosen]


def read_settings(repository: Path, *, tracker: Tracker) -> Settings:
    """Ask DVC, which joins its files and makes relative paths whole."""
    lines = run_dvc(repository, "config", "--list", tracker=tracker).splitlines()
    told: dict[str, dict[str, str]] = {}
    for found in filter(None, map(_REMOTE_SETTING.fullmatch, lines)):
        told.setdefault(found["name"], {})[found["key"]] = found["value"]
    remotes = {name: Remote(name, values.pop("url", ""), values) for name, values in sorted(told.items())}
    cache = repository / (_value(lines, _CACHE_FOLDER) or _USUAL_CACHE)
    return Settings(cache, remotes, _value(lines, _DEFAULT_REMOTE))


def _value(lines: list[str], key: str) -> str | None:
    """Levels are listed from the weakest to the strongest, so the last one counts."""
    return next((line.removeprefix(key) for line in reversed(lines) if line.startswith(key)), None)
