"""etcd v3, by its JSON gateway: the six calls that we use, and no more.

    >>> etcd = Etcd("http", ["im-1:2379", "im-2:2379"], Login())
    >>> etcd.txn([mod("one/a", 0)], [put("one/a", "x")], [get("one/a")], seconds=1.0)
    Answer(revision=12, is_done=True, found=[])

Keys and values are base64 there, 64-bit numbers are text, and what is 0, false or empty is left out.

Each call asks one endpoint, once, within its time.  If no answer comes, the next call asks the next endpoint, and the
caller must find out what became of the last: a write may have been carried out.  All our writes are transactions that
compare revisions, so one that is sent again changes nothing a second time.

Source: etcd.io/docs/v3.4/dev-guide/api_grpc_gateway; etcd 3.4 and 3.5, api/etcdserverpb/rpc.proto.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

from config.fleet_values import host_and_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    # a part of a transaction, as the gateway wants it
    Part = dict[str, Any]

UNAUTHENTICATED, INVALID_ARGUMENT, PERMISSION_DENIED = 16, 3, 7  # codes of gRPC
STALE_LOGIN = ("auth", "user")  # in "invalid auth token" and the like
MOST_BYTES = 8 << 20  # of an answer


class NoAnswer(Exception):
    """etcd did not answer, or not as a leader: what was asked may have been done or not.  The text says why."""


class Refused(Exception):
    """etcd has refused: nothing was done.  The text says why."""


class Login:
    """user and password, or "" without; the paths of TLS: ca, and cert and key of ours, "" for none."""

    def __init__(self, user: str = "", password: str = "", ca: str = "", cert: str = "", key: str = "") -> None:
        self.user, self.password = user, password
        self.ca, self.cert, self.key = ca, cert, key

    def context(self) -> ssl.SSLContext:
        """Whom we trust, and who we are.  Raises OSError."""
        context = ssl.create_default_context(cafile=self.ca or None)
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        return context


class Entry:
    """A key, its value, and mod: the revision of the cluster at which it was written last."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.key = _text(found.get("key", ""))
        self.value = _text(found.get("value", ""))
        self.mod = int(found.get("mod_revision", 0))


class Answer:
    """What a transaction or a range returned.  is_done: its comparisons were true; found: the entries that it read."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.revision = int(answer.get("header", {}).get("revision", 0))
        self.is_done = bool(answer.get("succeeded", False))
        ranges = [part["response_range"] for part in answer.get("responses", ()) if "response_range" in part]
        self.found = [Entry(each) for part in [answer, *ranges] for each in part.get("kvs", ())]

    def entry(self, key: str) -> Entry | None:
        """The entry of this key; None: there is none."""
        return next((each for each in self.found if each.key == key), None)


def _raw(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


def _text(raw: str) -> str:
    return base64.b64decode(raw).decode("utf-8", "surrogateescape")


def mod(key: str, revision: int) -> Part:
    """Compare: was the key written last at this revision?  0: it does not exist."""
    return {"key": _raw(key), "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}


def put(key: str, value: str, lease: int = 0) -> Part:
    """Write a key; it goes away with the lease."""
    return {"request_put": {"key": _raw(key), "value": _raw(value), **({"lease": str(lease)} if lease else {})}}


def delete(key: str) -> Part:
    """Remove a key."""
    return {"request_delete_range": {"key": _raw(key)}}


def get(key: str, is_stale_good: bool = False) -> Part:
    """Read a key.  is_stale_good: from whichever member we ask, even if that is cut off."""
    return {"request_range": {"key": _raw(key), **({"serializable": True} if is_stale_good else {})}}


def _behind(prefix: str) -> str:
    """The first key behind all that begin with prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class Etcd:
    """One client: it keeps a connection to the endpoint that answered last.

    Not for two threads at once.  Each call raises NoAnswer and Refused.
    """

    def __init__(self, scheme: str, endpoints: Sequence[str], login: Login) -> None:
        self._scheme = scheme
        self._endpoints = list(endpoints)
        self._login = login
        self._token = ""
        self._connection: http.client.HTTPConnection | None = None
        self._addresses: dict[str, str] = {}
        self._tls: ssl.SSLContext | None = None

    # -- the six calls ---------------------------------------------------------------------------

    def range(self, prefix: str, seconds: float, limit: int = 500, after: str = "") -> Answer:
        """Read at most limit entries whose keys begin with prefix; after: only those behind this key."""
        begin = f"{after}\0" if after else prefix
        body = {"key": _raw(begin), "range_end": _raw(_behind(prefix)), "limit": str(limit)}
        return Answer(self._ask("kv/range", body, seconds))

    def txn(self, only_if: Sequence[Part], then: Sequence[Part], otherwise: Sequence[Part], seconds: float) -> Answer:
        """Compare and change in one step; all three may be empty."""
        body = {"compare": list(only_if), "success": list(then), "failure": list(otherwise)}
        return Answer(self._ask("kv/txn", body, seconds))

    def put(self, key: str, value: str, seconds: float, lease: int = 0) -> Answer:
        """Write a key, whatever it holds: only for what may be written twice."""
        return Answer(self._ask("kv/put", put(key, value, lease)["request_put"], seconds))

    def grant(self, ttl: int, seconds: float) -> int:
        """Make a lease of ttl seconds; return its number."""
        return int(self._ask("lease/grant", {"TTL": str(ttl)}, seconds).get("ID", 0))

    def keepalive(self, lease: int, seconds: float) -> bool:
        """Begin the time of the lease anew; False: it is over."""
        answer = self._ask("lease/keepalive", {"ID": str(lease)}, seconds)
        return int(answer.get("result", {}).get("TTL", 0)) > 0

    def watch(self, prefix: str, silence: float) -> Iterator[list[str]]:
        """Yield the keys of each change below prefix, from now on; first [], as soon as nothing will be missed.

        silence: ends, with NoAnswer, after so many seconds without a change.
        """
        body = {"create_request": {"key": _raw(prefix), "range_end": _raw(_behind(prefix))}}
        self._log_in(time.monotonic() + silence)
        answer = self._send("watch", body, silence)
        try:
            while line := answer.readline():
                result = json.loads(line).get("result", {})
                if result.get("canceled"):
                    break
                yield [_text(event.get("kv", {}).get("key", "")) for event in result.get("events", ())]
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._lost(error) from None
        finally:
            self._hang_up()
        self._token = ""  # it may be for that reason
        raise NoAnswer("ended")

    def ask(self, call: str, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Any other call of the gateway, such as `auth/user/get`, for a person who wants to know."""
        return self._ask(call, body, seconds)

    # -- one call --------------------------------------------------------------------------------

    def _ask(self, call: str, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer to one call; logs in, and once anew if etcd has forgotten us: it then has done nothing."""
        deadline = time.monotonic() + seconds
        for is_last in (False, True):
            self._log_in(deadline)
            status, answer = self._call(call, body, deadline)
            if status == 200 and "error" not in answer:
                return answer
            if is_last or not self._login.user or not _is_stale(answer):
                raise _failure(status, answer)
            self._token = ""
        raise AssertionError("unreachable")

    def _log_in(self, deadline: float) -> None:
        if self._token or not self._login.user:
            return
        body = {"name": self._login.user, "password": self._login.password}
        status, answer = self._call("auth/authenticate", body, deadline)
        if status != 200:
            raise _failure(status, answer)
        self._token = str(answer["token"])

    def _call(self, call: str, body: dict[str, Any], deadline: float) -> tuple[int, dict[str, Any]]:
        try:
            answer = self._send(call, body, _left(deadline))
            text = answer.read(MOST_BYTES)
            found = json.loads(text) if text else {}
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._lost(error) from None
        if answer.will_close:
            self._hang_up()
        if answer.status >= 500:  # no leader, or it gave up waiting: another member may do better
            self._turn()
        return answer.status, found if isinstance(found, dict) else {}

    def _send(self, call: str, body: dict[str, Any], seconds: float) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/json", **({"Authorization": self._token} if self._token else {})}
        raw = json.dumps(body).encode()
        try:
            connection = self._connected(seconds)
            connection.request("POST", f"/v3/{call}", raw, headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(error) from None

    def _connected(self, seconds: float) -> http.client.HTTPConnection:
        if self._connection is None:
            endpoint = self._endpoints[0]
            name, port = host_and_port(endpoint)
            self._connection = self._new(name, self._address(endpoint, name, port), port)
        self._connection.timeout = seconds
        if self._connection.sock:
            self._connection.sock.settimeout(seconds)
        return self._connection

    def _new(self, name: str, address: str, port: int) -> http.client.HTTPConnection:
        if self._scheme == "http":
            return http.client.HTTPConnection(address, port)
        return _Tls(name, address, port, self._context())

    def _address(self, endpoint: str, name: str, port: int) -> str:
        """Its address; the last one that we know as long as it answers, for a name server may let us wait."""
        if endpoint not in self._addresses:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            self._addresses[endpoint] = str(found[0][4][0])
        return self._addresses[endpoint]

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._login.context()
        return self._tls

    def _lost(self, error: Exception) -> NoAnswer:
        """This endpoint has failed: the next call asks the next one."""
        endpoint = self._endpoints[0]
        if not isinstance(error, TimeoutError):
            self._addresses.pop(endpoint, None)
        self._turn()
        why = "no answer in time" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
        return NoAnswer(f"{endpoint}: {why}")

    def _turn(self) -> None:
        self._hang_up()
        self._endpoints.append(self._endpoints.pop(0))

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None


class _Tls(http.client.HTTPSConnection):
    """A connection to an address, whose certificate must be that of a name."""

    def __init__(self, name: str, address: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(address, port, context=context)
        self._name, self._tls = name, context

    def connect(self) -> None:
        """Connect, and prove who it is, within the timeout each."""
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._name)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _is_stale(answer: dict[str, Any]) -> bool:
    return answer.get("code") == UNAUTHENTICATED or any(text in _words(answer) for text in STALE_LOGIN)


def _words(answer: dict[str, Any]) -> str:
    error = answer.get("error") or answer.get("message", "")  # the gateway of etcd 3.4; a newer one
    text = str(error.get("message", "") if isinstance(error, dict) else error)
    return text.removeprefix("etcdserver: ")


def _failure(status: int, answer: dict[str, Any]) -> NoAnswer | Refused:
    """The exception for an answer that is none."""
    text = _words(answer) or f"HTTP status {status}"
    is_refused = 400 <= status < 500 and answer.get("code") not in (None, 14, 4)
    return Refused(text) if is_refused else NoAnswer(text)
