"""Requests of HTTP for a plain REP socket: each is 'T' and a tnetstring with the fields of ZHTTP.

    zscale run --exec "python3 worker.py" --http-format zhttp --bind http://127.0.0.1:3000
"""

import os
import sys

import zmq


def dump(value):
    if isinstance(value, bytes):
        return b"%d:%b," % (len(value), value)
    if isinstance(value, bool):
        return b"4:true!" if value else b"5:false!"
    if isinstance(value, int):
        return b"%d:%d#" % (len(str(value)), value)
    if isinstance(value, str):
        return dump(value.encode())
    if isinstance(value, dict):
        inner, kind = b"".join(dump(k) + dump(v) for k, v in value.items()), b"}"
    else:
        inner, kind = b"".join(dump(item) for item in value), b"]"
    return b"%d:%b%b" % (len(inner), inner, kind)


def load(data):
    size, _, rest = data.partition(b":")
    inner, kind, rest = rest[: int(size)], rest[int(size) : int(size) + 1], rest[int(size) + 1 :]
    if kind == b",":
        return inner, rest
    if kind == b"#":
        return int(inner), rest
    if kind == b"!":
        return inner == b"true", rest
    if kind == b"~":
        return None, rest
    items = []
    while inner:
        item, inner = load(inner)
        items.append(item)
    if kind == b"]":
        return items, rest
    return dict(zip((key.decode() for key in items[::2]), items[1::2])), rest


socket = zmq.Context.instance().socket(zmq.REP)
socket.connect(os.environ.get("ZSCALE_BACKEND") or sys.argv[1])

while True:
    request, _ = load(socket.recv()[1:])
    method, uri, body = (request.get(name, b"").decode() for name in ("method", "uri", "body"))
    text = f"Hello from Python in process {os.getpid()}: {method} {uri} {body}\n"
    answer = {
        "id": request["id"],
        "code": 200,
        "reason": "OK",
        "headers": [["Content-Type", "text/plain; charset=utf-8"]],
        "body": text,
    }
    socket.send(b"T" + dump(answer))
