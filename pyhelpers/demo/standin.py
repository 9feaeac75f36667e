"""Servers for the demo: small, but to an observer they look like the real ones.

    $ cd msg_server && python3 -I -S ../pyhelpers/demo/standin.py msg_server &
    $ ls
    log_812_1.txt  msgserver.conf

    demo/standin.py login_server | msg_server    as of 2013-14: a log in its directory, named after its pid
    demo/standin.py route_server                 as of 2015: listens on the ListenPort of its conf, then writes
                                            its pid into server.pid, without a newline
    demo/standin.py business PORT                as run.sh would start it: listens on PORT

All but business need a conf file in their directory, such as msgserver.conf.  They listen on 127.0.0.1 and
serve no request; they live until a signal ends them, and leave no core.

Exit: 1 no conf, or the port is in use · 2 usage · else the signal that ended it.
"""

from __future__ import annotations

import os
import resource
import sys
import time

USAGE, FAILED = 2, 1


def serve_by_log(name: str) -> None:
    """Be a server whose log has its pid in its name, and live until a signal comes."""
    import signal

    _require_conf(name)
    with open(f"log_{os.getpid()}_1.txt", "a", encoding="utf-8") as log:
        now = time.time()
        clock = time.strftime("%Y-%m-%d, %H:%M:%S", time.localtime(now))
        log.write(f"{clock}.{int(now % 1 * 1000):03d}, {name} is ready\n")
    while True:
        signal.pause()


def serve_by_pidfile(name: str) -> None:
    """Be a server that writes server.pid once it listens."""
    _serve_port(_listen_port(_require_conf(name)), "server.pid")


def _require_conf(name: str) -> str:
    """The path of its conf file: msgserver.conf for msg_server.  Ends the program if it does not exist."""
    path = f"{name.replace('_', '')}.conf"
    if not os.path.exists(path):
        sys.exit(f"{name}: no {path} in {os.getcwd()}")
    return path


def _listen_port(path: str) -> int:
    with open(path, encoding="utf-8") as conf:
        settings = dict(line.rstrip("\n").partition("=")[::2] for line in conf)
    return int(settings["ListenPort"])


def _serve_port(port: int, pidfile: str = "") -> None:
    import socket

    with socket.create_server(("127.0.0.1", port)) as listener:
        if pidfile:
            with open(pidfile, "w", encoding="ascii") as target:
                target.write(str(os.getpid()))
        while True:
            peer, _ = listener.accept()
            peer.close()


def main(argv: list[str]) -> int:
    """Be the server that the arguments name; returns only after a failure, with the exit status."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    name = argv[0] if argv else ""
    try:
        if len(argv) == 2 and name == "business" and argv[1].isdigit():
            _serve_port(int(argv[1]))
        elif len(argv) == 1 and name == "route_server":
            serve_by_pidfile(name)
        elif len(argv) == 1 and name in ("login_server", "msg_server"):
            serve_by_log(name)
    except OSError as error:
        print(f"{name}: {error.strerror}", file=sys.stderr)
        return FAILED
    print("usage: demo/standin.py login_server | msg_server | route_server | business PORT", file=sys.stderr)
    return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
