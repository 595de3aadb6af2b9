"""What to do when a storage refuses or does not answer: ask again, or say so in one line."""

import errno
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import BotoCoreError, NoCredentialsError, ParamValidationError

T = TypeVar("T")

ATTEMPTS = 4  # at least, for a request that may succeed when it is repeated
WAIT_SECONDS = 300.0  # that a run under way waits for its storage
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0


class StorageError(ValueError):
    """The storage refused; the message is one line that names the URL and what to do."""


class StorageUnavailable(OSError):  # noqa: N818 - not what a row did wrong, but a run's end
    """The storage did not answer, or is full; the message is one line, and a rerun resumes."""


@dataclass
class Patience:
    """How long this process waits for a storage that does not answer.

    None at first, so that a mistake in an address is told at once; workers, and a driver whose
    run is under way, wait out an outage. `waiting` is told of each wait.
    """

    seconds: float = 0.0
    waiting: Callable[[str], None] = lambda said: None


patience = Patience()


def asked(where: str, request: Callable[[], T]) -> T:
    """The answer to a request, which is repeated while its failure may pass.

    Raises StorageError with a remedy where a person must act, StorageUnavailable where the storage
    stayed away, and FileNotFoundError or FileExistsError as they come.
    """
    started, attempt = time.monotonic(), 1
    while True:
        try:
            return request()
        except (StorageError, FileNotFoundError, FileExistsError):
            raise
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            if not _may_pass(error):
                raise _explained(where, text, error) from error
            if attempt >= ATTEMPTS and time.monotonic() - started >= patience.seconds:
                raise StorageUnavailable(
                    f"{where}: {_remedy(text) or 'the storage does not answer'} ({text})"
                ) from error
            if attempt >= ATTEMPTS:
                patience.waiting(f"{where}: waiting for the storage ({text})")
        pause = min(PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
        time.sleep(pause * random.uniform(0.5, 1))  # or all workers would come back at once
        attempt += 1


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed later: no answer, half an answer, 429 or 5xx."""
    answer = getattr(error.__cause__ or error, "response", None)
    if isinstance(answer, dict):
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(answer.get("Error", {}).get("Code"))
        return status >= 500 or status in (408, 429) or code in _PASSING_CODES
    if isinstance(error, NoCredentialsError | ParamValidationError):
        return False
    if isinstance(error, BotoCoreError):
        return "Invalid endpoint" not in str(error)
    if isinstance(error, TimeoutError | ConnectionError) or "Payload" in type(error).__name__:
        return True
    return isinstance(error, OSError) and error.errno in (errno.EBUSY, errno.EREMOTEIO, errno.EIO)


# Answers below 500 that mean a broken connection or a server out of breath.
_PASSING_CODES = {"IncompleteBody", "RequestTimeout", "SlowDown", "Throttling", "BadDigest"}


def _explained(where: str, text: str, error: Exception) -> Exception:
    if "No space left" in text:
        return StorageUnavailable(f"{where}: no space left on the device; free some and run again")
    remedy = _remedy(text)
    return StorageError(f"{where}: {remedy}") if remedy else error


def _remedy(text: str) -> str | None:
    return next((remedy for sign, remedy in _REMEDIES.items() if sign in text), None)


_NO_CREDENTIALS = "no S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_NO_KEY = "the S3 server does not know AWS_ACCESS_KEY_ID"
_WRONG_SECRET = "the S3 server rejects AWS_SECRET_ACCESS_KEY"
_DENIED = "the S3 server denies access with these AWS_* credentials"
_NO_ANSWER = "the S3 server does not answer; check AWS_ENDPOINT_URL"
_NO_BUCKET = "the bucket does not exist; create it first"
_REMEDIES = {
    "NoCredentials": _NO_CREDENTIALS,
    "Unable to locate credentials": _NO_CREDENTIALS,
    "InvalidAccessKeyId": _NO_KEY,
    "access key ID you provided": _NO_KEY,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "signature we calculated": _WRONG_SECRET,
    "Access Denied": _DENIED,
    "Forbidden": _DENIED,
    "Invalid endpoint": "AWS_ENDPOINT_URL is no URL (http://host:port wanted)",
    "Could not connect": _NO_ANSWER,
    "EndpointConnectionError": _NO_ANSWER,
    "bucket does not exist": _NO_BUCKET,
    "NoSuchBucket": _NO_BUCKET,
    "Permission denied": "permission denied",
    "Read-only file system": "the file system is read-only",
}
