"""Requests to a storage: repeated where it does not answer, explained where it refuses."""

import errno
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from workers.data.tally import REPEATED, tally

T = TypeVar("T")

ATTEMPTS = 4  # of every request that may succeed later,
SILENT_SECONDS = 20.0  # unless the storage was silent for so long
WAIT_SECONDS = 300.0  # how long a run under way waits for its storage
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0  # between attempts
TELL_SECONDS = 10.0  # between two messages that requests wait


class StorageError(ValueError):
    """The storage refused; the message is one line that names the URL and what to do."""


class CredentialsError(StorageError):
    """The credentials are missing or wrong, so no request of this run will succeed."""


class StorageUnavailable(OSError):  # noqa: N818 - ends the run: no row is at fault
    """The storage did not answer, or is full; the message is one line, and a rerun resumes."""


# The exceptions that end a run instead of failing the row that met them.
#
# No request of the run will succeed: the storage is silent, or does not know who asks. Another
# refusal (permission denied, no such bucket) concerns one file. It is the row's fault where each
# row names files of its own, as photographs are named that strangers keep in many places.
UNREACHABLE: tuple[type[Exception], ...] = (StorageUnavailable, CredentialsError)
# Where rows share their files, as the tables of a catalog, a refusal would fail every row alike.
UNREACHABLE_OR_REFUSED: tuple[type[Exception], ...] = (StorageUnavailable, StorageError)


class BrokenLink(FileNotFoundError):  # noqa: N818 - a name for people who read a table
    """A symbolic link that leads nowhere, or back to itself."""


@dataclass
class RetryPolicy:
    """How long this process waits for a storage that does not answer.

    At first not at all, so that a mistake in an address is reported at once. Workers, and a driver
    whose run is under way, outlast an outage.
    """

    wait_seconds: float = 0.0
    on_wait: Callable[[str], None] = lambda message: None  # called while requests wait
    requests: int = 0  # under way
    last_told: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def outlast_outages(self, seconds: float, on_wait: Callable[[str], None]) -> None:
        """From now on wait `seconds` for a storage, and report that to `on_wait`."""
        self.wait_seconds, self.on_wait = seconds, on_wait

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request, with all its repetitions, as under way."""
        with self.lock:
            self.requests += 1
        try:
            yield
        finally:
            with self.lock:
                self.requests -= 1

    def tell(self, message: str) -> None:
        """Report that requests wait; of threads that wait together, one reports."""
        with self.lock:
            if self.last_told and time.monotonic() - self.last_told < TELL_SECONDS:
                return
            self.last_told = time.monotonic()
        self.on_wait(message)


retry_policy = RetryPolicy()  # of this process


def retrying(where: str, request: Callable[[], T]) -> T:
    """The answer to a request, which is repeated as long as its failure may pass.

    Raises StorageError with a remedy where a person must act, StorageUnavailable where the storage
    stayed away, and FileNotFoundError or FileExistsError as they come.
    """
    started, attempt = time.monotonic(), 1
    with retry_policy.request():
        while True:
            try:
                return request()
            except StorageError:
                raise
            except Exception as error:
                if not _may_pass(error):
                    raise _explained(where, error) from error
                waited = time.monotonic() - started
                if attempt >= ATTEMPTS or waited >= SILENT_SECONDS:
                    text = _text(error)
                    if waited >= retry_policy.wait_seconds:
                        remedy = _remedy(text) or "the storage does not answer"
                        raise StorageUnavailable(f"{where}: {remedy} ({text})") from error
                    retry_policy.tell(f"{where}: waiting for the storage ({text})")
            pause = min(PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
            time.sleep(pause * random.uniform(0.5, 1))  # or all workers would come back at once
            tally.add({REPEATED: 1})
            attempt += 1


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed later: no answer, half an answer, 429 or 5xx."""
    cause = _cause(error)
    if isinstance(cause, ClientError):
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(cause.response.get("Error", {}).get("Code"))
        return status >= 500 or status in (408, 429) or code in _PASSING_CODES
    name = type(error).__name__  # of what would take long to import
    if isinstance(error, _PASSING) or name == "ResponseParserError" or "Payload" in name:
        return True
    return isinstance(error, OSError) and error.errno in (errno.EBUSY, errno.EREMOTEIO, errno.EIO)


_PASSING = (
    TimeoutError,
    ConnectionError,
    BotoConnectionError,
    HTTPClientError,
    IncompleteReadError,
    CredentialRetrievalError,
)

# Answers below 500 that mean a broken connection, an overloaded server, two writers at one moment
# or a multipart upload that was completed although its answer got lost.
_PASSING_CODES = {
    "IncompleteBody",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "BadDigest",
    "ConditionalRequestConflict",
    "OperationAborted",
    "NoSuchUpload",
}


def _cause(error: Exception) -> BaseException:
    """botocore's error, where s3fs has translated it into Python's."""
    return error.__cause__ if isinstance(error.__cause__, ClientError) else error


def _text(error: Exception) -> str:
    cause = _cause(error)
    return " ".join(f"{type(cause).__name__}: {cause}".split())


def _explained(where: str, error: Exception) -> Exception:
    cause = _cause(error)
    if isinstance(cause, ClientError | BotoCoreError) or "Invalid endpoint" in str(error):
        text = _text(error)
        if remedy := _remedy(text):
            kind = CredentialsError if remedy in _CREDENTIALS else StorageError
            return kind(f"{where}: {remedy}")
        if isinstance(error, FileNotFoundError | FileExistsError):
            return error
        return StorageError(f"{where}: the storage refuses ({text})")
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        return StorageUnavailable(f"{where}: no space left on the device; free some and run again")
    if number in _LOCAL_REMEDIES:
        return StorageError(f"{where}: {_LOCAL_REMEDIES[number]}")
    if number in (errno.ENOENT, errno.ELOOP):
        return _broken_link(error) or error
    return error


def _broken_link(error: Exception) -> BrokenLink | None:
    path = error.filename if isinstance(error, OSError) else None
    if not path or not Path(path).is_symlink():
        return None
    said = f"a symbolic link to {Path(path).readlink()}, which is not there"
    return BrokenLink(errno.ENOENT, said, path)


def _remedy(text: str) -> str | None:
    return next((remedy for sign, remedy in _REMEDIES.items() if sign in text), None)


_NO_CREDENTIALS = (
    "no S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or, to read a public "
    "bucket, AWS_NO_SIGN_REQUEST=yes"
)
_NO_KEY = "the S3 server does not know AWS_ACCESS_KEY_ID"
_WRONG_SECRET = "the S3 server rejects AWS_SECRET_ACCESS_KEY"
_EXPIRED = "the S3 credentials have expired; renew AWS_SESSION_TOKEN and its keys"
_CLOCK = "the S3 server rejects the time of this machine's clock; set it"
_NO_REASON = "the S3 server refuses and cannot say why; if AWS_SESSION_TOKEN has expired, renew it"
_CREDENTIALS = {_NO_CREDENTIALS, _NO_KEY, _WRONG_SECRET, _EXPIRED, _CLOCK, _NO_REASON}
_DENIED = (
    "the S3 server denies access; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which are not "
    "sent where AWS_NO_SIGN_REQUEST is set"
)
_NO_ANSWER = "the S3 server does not answer; check AWS_ENDPOINT_URL"
_NO_BUCKET = "the bucket does not exist; create it first"
_REMEDIES = {
    "NoCredentials": _NO_CREDENTIALS,
    "PartialCredentials": _NO_CREDENTIALS,
    "InvalidAccessKeyId": _NO_KEY,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "ExpiredToken": _EXPIRED,
    "RequestTimeTooSkewed": _CLOCK,
    "AccessDenied": _DENIED,
    "(403)": _DENIED,
    "(400) when calling the Head": _NO_REASON,  # an answer to HEAD has no body
    "Invalid endpoint": "AWS_ENDPOINT_URL is no URL (http://host:port wanted)",
    "Could not connect": _NO_ANSWER,
    "NoSuchBucket": _NO_BUCKET,
}
_LOCAL_REMEDIES = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
}
