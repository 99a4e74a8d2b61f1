"""Which server holds an S3 bucket: what DVC, the environment and AWS's own files say, weighed as the S3 client does."""

import configparser
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

AMAZON: Final = ""
"""In place of an endpoint: nothing names one, so the client asks Amazon."""

_VARIABLES: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_PROFILE_VARIABLES: Final = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
_REGION_VARIABLES: Final = ("AWS_DEFAULT_REGION", "AWS_REGION")
_IGNORED: Final = "ignore_configured_endpoint_urls"
_OTHER_CLOUDS: Final = ("cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-")
"""Amazon's partitions (botocore, partitions.json) in which another one may own a bucket of the same name."""

_FSSPEC_VARIABLE: Final = "FSSPEC_S3"
_FSSPEC_SUFFIXES: Final = (".json", ".ini")

_Profiles = dict[str, dict[str, str]]


class _UnclearError(Exception):
    """What is configured cannot be weighed."""


def s3_endpoint(settings: Mapping[str, str]) -> str | None:
    """The endpoint to which DVC's S3 client turns; `AMAZON` where nothing names one, None where that is not clear.

    Asking the wrong server would be worse than not asking: it may hold a bucket of the same name that is a stranger's.

    Args:
        settings: Of the remote, as DVC has them.
    """
    try:
        return _endpoint(settings)
    except (_UnclearError, OSError, ValueError, configparser.Error):
        return None


def _endpoint(settings: Mapping[str, str]) -> str:
    if _is_set_in_fsspec():
        raise _UnclearError
    if settings.get("endpointurl"):
        return settings["endpointurl"]
    profile, services = _profile(settings)
    if "true" in (os.environ.get(f"AWS_{_IGNORED.upper()}", "").lower(), profile.get(_IGNORED, "").lower()):
        raise _UnclearError
    named = (*map(os.environ.get, _VARIABLES), services.get("endpoint_url"), profile.get("endpoint_url"))
    endpoint = next((found for found in named if found), AMAZON)
    regions = (settings.get("region"), *map(os.environ.get, _REGION_VARIABLES), profile.get("region"))
    if endpoint == AMAZON and any((region or "").startswith(_OTHER_CLOUDS) for region in regions):
        raise _UnclearError
    return endpoint


def _profile(settings: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What the profile says, and what the services that it names say of S3; what the credentials file says wins."""
    sections = _sections(_place("AWS_CONFIG_FILE", settings.get("configpath"), "~/.aws/config"))
    profiles: _Profiles = {}
    for title, values in sections.items():
        kind, name = _words(title)
        if kind == "profile" or title == "default":
            profiles.setdefault(name or title, {}).update(values)
    secrets = _place("AWS_SHARED_CREDENTIALS_FILE", settings.get("credentialpath"), "~/.aws/credentials")
    for name, values in _sections(secrets).items():
        profiles.setdefault(name, {}).update(values)
    chosen = settings.get("profile") or next(filter(None, map(os.environ.get, _PROFILE_VARIABLES)), None)
    if chosen is not None and chosen not in profiles:
        raise _UnclearError
    profile = profiles.get(chosen or "default", {})
    if "services" not in profile:
        return profile, {}
    services = [values for title, values in sections.items() if _words(title) == ("services", profile["services"])]
    if len(services) != 1:
        raise _UnclearError
    return profile, _nested(services[0].get("s3", ""))


def _words(title: str) -> tuple[str, str]:
    """Kind and name in a section's title, `profile work` or `profile "at work"`; no name in any other one."""
    kind, *names = shlex.split(title)
    return (kind, names[0]) if len(names) == 1 else (title, "")


def _place(variable: str, setting: str | None, usual: str) -> Path:
    path = Path(os.path.expandvars(os.environ.get(variable) or setting or usual)).expanduser()
    if not path.is_absolute():  # to which folder it is relative depends on where DVC is started
        raise _UnclearError
    return path


def _sections(path: Path) -> _Profiles:
    if not path.is_file():
        return {}
    parser = configparser.RawConfigParser()
    parser.read_string(path.read_text(encoding="utf-8"))
    return {title: dict(parser.items(title)) for title in parser.sections()}


def _nested(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.splitlines() if line.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _is_set_in_fsspec() -> bool:
    """Whether settings of the library below DVC may speak of S3; they would win over all others."""
    if any(name.upper().startswith(_FSSPEC_VARIABLE) for name in os.environ):
        return True
    folder = _place("FSSPEC_CONFIG_DIR", None, "~/.config/fsspec")
    files = sorted(file for file in folder.glob("*") if file.suffix in _FSSPEC_SUFFIXES)
    return any("s3" in file.read_text(encoding="utf-8").lower() for file in files)
