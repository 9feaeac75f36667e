"""Which descriptors does a server inherit at launch?  The keys of the descriptors that its watcher holds for it.

A key identifies a descriptor.  It leaves out what can change while the descriptor is open (backlog, mode):

    socket KIND ADDR PORT OWNER         \\x1e separates the words; OWNER: SERVER/NAME with reuseport, else -
    channel TYPE NAME SERVER PEER       SERVER's end; the key of PEER's end has the two names exchanged
    daemon SERVER theirs                the server's end of the socket between it and its watcher
    daemon SERVER ours                  the watcher's end, which the watcher never passes on
"""

from __future__ import annotations

from config import settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


FIRST = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)


class Wanted:
    """The keys of one server's descriptors, by their names in LISTEN_FDNAMES: sockets, channels, the daemon socket.

    scm: the server inherits only the daemon socket, and receives the others over it.
    sockets: the conf words of each listening socket (config/socket_values.py), by its key.
    """

    __slots__ = ("daemon", "ends", "scm", "sockets")

    def __init__(self, name: str, settings: dict[str, str]) -> None:
        self.scm = settings["fd_passing"] == "scm"
        kind = settings["channel_type"]
        self.ends: dict[str, str] = {}
        self.sockets: dict[str, list[str]] = {}
        for socket in settled.elements(settings["sockets"]):
            words = settled.words(socket)
            key = self.ends[words[0]] = _key_of_socket(name, words)
            self.sockets[key] = words
        for channel in settled.elements(settings["channels"]):
            label, *peers = settled.words(channel)  # without a peer where one server alone is asked about
            peer = "".join(peers)
            self.ends[label] = f"channel {kind} {label} {name} {peer}"
        self.daemon = ""
        if self.scm or settings.get("heartbeat") == "channel":
            self.daemon = self.ends["daemon"] = f"daemon {name} theirs"

    def keys(self) -> list[str]:
        """All of them."""
        return list(self.ends.values())

    def ports(self) -> set[int]:
        """The TCP ports of its sockets."""
        return {int(words[3]) for words in self.sockets.values() if words[3]}

    def shares(self) -> bool:
        """Has it a socket that other servers have too?"""
        return any(words[5] == "shared" for words in self.sockets.values())

    def peers(self) -> Iterator[str]:
        """The keys of the other ends of its channels."""
        return (peer_of(key) for key in self.ends.values() if key.startswith("channel "))

    def argv_of(self, argv: list[str]) -> list[str]:
        """argv with the daemon socket's number in place of {channel_fd}, or as the last argument."""
        number = str(FIRST)
        if any("{channel_fd}" in word for word in argv):
            return [word.replace("{channel_fd}", number) for word in argv]
        return [*argv, number]


def _key_of_socket(server: str, words: list[str]) -> str:
    name, kind, address, port, _, option = words
    owner = f"{server}/{name}" if option == "reuseport" else "-"
    return "socket " + settled.joined((kind, address, port, owner))


def peer_of(key: str) -> str:
    """The key of a channel's other end."""
    word, kind, label, server, peer = key.split(" ")
    return f"{word} {kind} {label} {peer} {server}"


def ours_of(name: str) -> str:
    """The key of the watcher's end of a server's daemon socket."""
    return f"daemon {name} ours"


def conf_keys(ends: Wanted | None) -> str:
    """The conf keys that ask for these descriptors, for a message."""
    kinds = {key.partition(" ")[0] for key in ends.keys()} if ends else set()
    return " and ".join(word for word in ("sockets", "channels") if word[:-1] in kinds) or "its daemon socket"


def listed(keys: list[str]) -> str:
    """Keys as a person reads them, separated by commas."""
    return ", ".join(map(shown, keys))


def shown(key: str) -> str:
    """A key as a person reads it: `socket tcp://127.0.0.1:8080`, `channel tasks`, `the daemon socket`."""
    word, _, rest = key.partition(" ")
    if word == "socket":
        kind, address, port, _ = settled.words(rest)
        address = f"[{address}]" if port and ":" in address else address
        return f"socket {kind}://{address}" + (f":{port}" if port else "")
    return f"channel {rest.split(' ')[1]}" if word == "channel" else "the daemon socket"
