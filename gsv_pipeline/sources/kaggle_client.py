"""Kaggle's own client in a process of its own: the one module that imports `kagglehub`.

Started as `python -m gsv_pipeline.sources.kaggle_client '{"task": "look", ...}'`; answers with one line of JSON. In our
process the client would print to standard output, draw its own bars, wait for an answer without a time limit and take
its cache folder from our environment. Here nothing of that reaches us, and it can be ended at any moment.
"""

import json
import os
import re
import sys
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal

from gsv_pipeline.sources.disk import is_full

CACHE_VARIABLE: Final = "KAGGLEHUB_CACHE"

Kind = Literal["status", "unreachable", "cut", "certificate", "page", "damaged", "full", "credentials", "other"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the client gave up.

    Args:
        kind: `status`: an HTTP error; `page`: a web page or another answer that is not Kaggle's; `cut`: the connection
            broke; `unreachable`: there was none; `damaged`: the archive cannot be used and was removed.
        text: More about it, without addresses that carry a signature and without credentials.
        status: Of HTTP, or 0.
        retry_after_s: What the server asks to wait, or 0.
        signed_in: Whether credentials were sent.
    """

    kind: Kind
    text: str = ""
    status: int = 0
    retry_after_s: float = 0.0
    signed_in: bool = False


class _DamagedError(Exception):
    """The archive is not what it should be."""


class _PageError(Exception):
    """The answer is not one of Kaggle's."""


def look(handle: str, cache: str | None) -> dict[str, Any]:
    """What there is of a data set, here and at Kaggle, which is not asked when a complete copy is here.

    Args:
        handle: `owner/name` or `owner/name/versions/2`.
        cache: Where to download to; None: into the user's own cache. Complete copies are found in both.
    """
    import kagglehub
    from kagglehub.cache import get_cached_archive_path, get_cached_path
    from kagglehub.handle import parse_dataset_handle

    named = parse_dataset_handle(handle)
    held = _held(named)
    if cache is not None:
        os.environ[CACHE_VARIABLE] = cache
        held = held or _held(named)
    if held is not None:
        version, folder = held
        return {"version": version, "held": folder, "client": kagglehub.__version__}
    version, size = _ask_kaggle(named)
    found = named.with_version(version)
    return {
        "version": version,
        "held": None,
        "client": kagglehub.__version__,
        "bytes": size,
        "archive": os.path.realpath(get_cached_archive_path(found)),
        "unpacked": os.path.realpath(get_cached_path(found)),
    }


def _held(handle: Any) -> tuple[int, str] | None:
    """Version and folder of the newest complete copy in the client's cache."""
    from kagglehub.cache import Cache, get_cached_archive_path

    versions = [handle.version]
    if not handle.is_versioned():
        markers = Path(get_cached_archive_path(handle)).parent.glob("*.complete")
        versions = sorted((int(marker.stem) for marker in markers if marker.stem.isdigit()), reverse=True)
    for version in versions:
        folder = Cache().load_from_cache(handle.with_version(version))
        if folder is not None:
            return version, os.path.realpath(folder)
    return None


def _ask_kaggle(handle: Any) -> tuple[int, int]:
    """Version (the newest unless the handle names one) and size in bytes, 0 where Kaggle does not say."""
    from kagglehub.clients import build_kaggle_client
    from kagglehub.exceptions import handle_call
    from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest

    request = ApiGetDatasetRequest()
    request.owner_slug, request.dataset_slug = handle.owner, handle.dataset
    with build_kaggle_client() as client:
        found = handle_call(lambda: client.datasets.dataset_api_client.get_dataset(request), handle)
    version = handle.version or found.current_version_number
    if not version:
        raise _PageError
    return int(version), int(found.total_bytes or 0)


def download(handle: str, cache: str | None) -> dict[str, Any]:
    """Download and unpack; what an earlier run downloaded of the archive is not downloaded again.

    Args:
        handle: With its version.
        cache: Where to; None: into the user's own cache.
    """
    import kagglehub
    from kagglehub.cache import get_cached_archive_path
    from kagglehub.handle import parse_dataset_handle

    if cache is not None:
        os.environ[CACHE_VARIABLE] = cache
    archive = Path(get_cached_archive_path(parse_dataset_handle(handle)))
    try:
        folder = kagglehub.dataset_download(handle)
    except (ValueError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        if not archive.is_file():
            raise
        with archive.open("rb") as file:
            start = file.read(512).lstrip().lower()
        archive.unlink()  # it would be taken for complete, or continued, the next time
        if start.startswith((b"<!doctype", b"<html")):
            raise _PageError from error
        raise _DamagedError(str(error)) from error
    return {"folder": os.path.realpath(folder)}


def describe(error: BaseException) -> Failure:
    """Sort what the client raised; see `Failure`."""
    import requests
    from kagglehub.exceptions import DataCorruptionError

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _describe_status(error.response)
    if isinstance(error, _PageError | json.JSONDecodeError):
        return Failure("page")
    if isinstance(error, DataCorruptionError):
        return Failure("damaged", "its MD5 is not the one that Kaggle states")
    if isinstance(error, _DamagedError):
        return Failure("damaged", _first_line(error))
    if isinstance(error, requests.exceptions.InvalidHeader) or "Invalid header value" in str(error):
        return Failure("credentials", "They hold a character that cannot be sent, a line break for example.")
    if isinstance(error, requests.RequestException):
        return _describe_connection(error)
    if isinstance(error, OSError) and is_full(error):
        return Failure("full")
    if isinstance(error, ValueError) and "redentials file" in str(error):
        return Failure("credentials", f"{_first_line(error)}.")
    return Failure("other", f"{type(error).__name__}: {_without_secrets(_first_line(error))}")


def _describe_status(response: Any) -> Failure:
    asked = response.headers.get("Retry-After", "")
    wait = float(asked) if re.fullmatch(r"\d+(\.\d+)?", asked) else 0.0
    code = response.status_code
    if code < HTTPStatus.BAD_REQUEST:  # Kaggle also refuses in the body of an answer that succeeds
        code = int(response.json()["code"])
    return Failure("status", status=code, retry_after_s=wait, signed_in=_signed_in())


def _describe_connection(error: Exception) -> Failure:
    from requests.exceptions import ConnectTimeout, ProxyError
    from urllib3.exceptions import NewConnectionError

    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Failure("certificate")
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    cause = getattr(cause, "original_error", cause)  # of a proxy
    if isinstance(error, ConnectTimeout | ProxyError) or isinstance(cause, NewConnectionError):
        return Failure("unreachable", str(cause or "no answer").rsplit(": ", 1)[-1])
    return Failure("cut")


def _signed_in() -> bool:
    from kagglehub.config import get_kaggle_credentials

    return get_kaggle_credentials() is not None


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


def _without_secrets(text: str) -> str:
    from kagglehub.config import get_kaggle_credentials

    with suppress(ValueError):  # a damaged credentials file holds none
        found = get_kaggle_credentials()
        for secret in filter(None, (found.key, found.api_key) if found else ()):
            for form in (secret.strip(), repr(secret)[1:-1]):
                text = text.replace(form, "***")
    return re.sub(r"\?\S+", "?***", text)


_TASKS: Final[Mapping[str, Callable[[str, str | None], dict[str, Any]]]] = {"look": look, "download": download}


def main() -> None:
    """Do the task of the first argument and answer with one line."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the client prints must not stand among the answers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asked = json.loads(sys.argv[1])
    try:
        answer = _TASKS[asked["task"]](asked["handle"], asked["cache"])
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent says it in words
        answer = {"failure": asdict(describe(error))}
    with answers:
        answers.write(json.dumps(answer) + "\n")


def _end_with_parent() -> None:
    os.read(0, 1)  # ends when the parent does, killed included
    os._exit(1)


if __name__ == "__main__":
    main()
