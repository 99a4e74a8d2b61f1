"""What Kaggle's client reports, in one sentence for the person who waits."""

from pathlib import Path
from typing import Final

from gsv_pipeline.errors import ConfigError, DataError, GsvError, RunError
from gsv_pipeline.sources.kaggle_client import Failure

SITE: Final = "https://www.kaggle.com"
_TOKEN: Final = (
    f"Make an API token at {SITE}/settings/api, put it into ~/.kaggle/access_token or the variable KAGGLE_API_TOKEN, "
    "and run the same command again."
)
_AGAIN: Final = "What was downloaded is kept; run the same command again later to continue."


def explained(failure: Failure, *, name: str, folder: Path | None) -> GsvError:
    """The error to raise.

    Args:
        failure: What the client reports.
        name: `owner/name` of the data set.
        folder: Where it was to be downloaded; None: into the user's own cache.
    """
    if failure.kind == "status":
        return _explained_status(failure, name)
    if failure.kind == "credentials":
        return ConfigError(f"The Kaggle credentials on this machine cannot be used. {failure.text} {_TOKEN}")
    if failure.kind == "full":
        where = folder or "your Kaggle cache (KAGGLEHUB_CACHE)"
        return DataError(
            f"The disk of {where} is full. The client needs room for the archive and for what is in it at once. "
            "Free some space; what was downloaded is kept, and the same command continues it."
        )
    return RunError(_sentence(failure, name))


def _sentence(failure: Failure, name: str) -> str:
    page = f"{SITE}/datasets/{name}"
    match failure.kind:
        case "unreachable":
            return f"Kaggle cannot be reached: {failure.text}. Check the network and the proxy settings. {_AGAIN}"
        case "cut":
            return f"The connection to Kaggle broke off several times in a row, or nothing came any more. {_AGAIN}"
        case "certificate":
            return (
                "The certificate of Kaggle's server is not accepted; something between here and there may exchange it. "
                "If your network does, name its certificates in REQUESTS_CA_BUNDLE and run the same command again."
            )
        case "page":
            return (
                f"In place of {name} came a web page, or something else that is no answer of Kaggle's: a login page of "
                f"the network, for example. Open {page} in a browser on this machine, then run the same command again."
            )
        case "damaged":
            return (
                f"The archive of {name} arrived damaged ({failure.text}) and was removed. "
                "Run the same command again to download it anew."
            )
    return f"Kaggle's client failed with {failure.text}. {_AGAIN}"


def _explained_status(failure: Failure, name: str) -> GsvError:
    page, status = f"{SITE}/datasets/{name}", failure.status
    if status == 401 and failure.signed_in:
        return ConfigError(f"Kaggle does not accept the credentials on this machine (401). {_TOKEN}")
    if status == 401:
        return ConfigError(f"Kaggle wants to know who asks for {name} (401), and there are no credentials. {_TOKEN}")
    if status == 403:
        who = "to the account of the credentials on this machine" if failure.signed_in else "without credentials"
        advice = "Then run the same command again." if failure.signed_in else _TOKEN
        return ConfigError(
            f"Kaggle refuses {name} {who} (403): it is private, does not exist, or asks for consent to its terms. "
            f"Open {page}, sign in and consent if asked. {advice}"
        )
    if status == 404:
        return ConfigError(
            f"Kaggle has no data set {name} (404). Expected owner/name as in the address of its page; "
            f"see whether {page} exists."
        )
    if status == 429:
        wait = f" for {failure.retry_after_s / 60:.0f} minutes" if failure.retry_after_s >= 60 else ""
        return RunError(f"Kaggle asks to wait{wait}: too many requests from this address or account (429). {_AGAIN}")
    if status >= 500:
        return RunError(f"Kaggle has a problem of its own (it answers {status}). {_AGAIN}")
    return RunError(f"Kaggle answers {status} to the request for {name}. See whether {page} exists. {_AGAIN}")
