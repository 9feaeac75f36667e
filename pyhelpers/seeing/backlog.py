"""How many connections wait on a listening socket?  For a listener, rx_queue of /proc/net/tcp is its accept queue.

Source: tcp(7), proc(5); get_tcp4_sock() in net/ipv4/tcp_ipv4.c of the kernel.
"""

from __future__ import annotations

import socket
import struct

from proc.ports import LISTEN

ADDRESS, STATE, QUEUES = 1, 3, 4


def waiting() -> dict[str, int]:
    """Connections that wait, by ADDRESS:PORT as the kernel prints it; those of sockets with reuseport together."""
    found: dict[str, int] = {}
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(path) as table:
                table.readline()
                for words in map(str.split, table):
                    if words[STATE] != LISTEN:
                        break  # the kernel lists listeners first
                    received = int(words[QUEUES].partition(":")[2], 16)
                    found[words[ADDRESS]] = found.get(words[ADDRESS], 0) + received
        except OSError:
            continue  # no IPv6
    return found


def place(address: str, port: str) -> str:
    """A numeric address and a port as the kernel prints them: 127.0.0.1 8080 is 0100007F:1F90."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return f"{''.join(f'{word:08X}' for word in words)}:{int(port):04X}"
