"""A libzmq peer steered by JSON lines: one command per line on stdin, one answer per line on stdout.

Commands carry `id`, `do` and, except for `open`, the `socket` that `open` gave. Bodies travel as
base64. Answers are {"id", "value"} or {"id", "code", "message"} and come in the order things
happen: a `receive` is answered when a message is there, and other commands go on meanwhile. The
process ends when stdin does.
"""
import base64
import errno
import json
import os
import sys

import zmq


def encode(frames):
    return [base64.b64encode(frame).decode("ascii") for frame in frames]


def decode(frames):
    return [base64.b64decode(frame) for frame in frames]


class Peer:
    """The sockets by number, the receives that wait, and the sockets that answer by themselves."""

    def __init__(self):
        self.context = zmq.Context()
        self.poller = zmq.Poller()
        self.poller.register(0, zmq.POLLIN)
        self.sockets = {}
        self.waiting = {}
        self.serving = {}

    def answer(self, **fields):
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()

    def run(self):
        rest = b""
        while True:
            ready = dict(self.poller.poll())
            for number, socket in list(self.sockets.items()):
                if socket is not None and socket in ready:
                    self.readable(number, socket)
            if 0 in ready:
                chunk = os.read(0, 1 << 20)
                if not chunk:
                    self.context.destroy(linger=0)
                    return
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self.command(json.loads(line))

    def command(self, command):
        try:
            value = getattr(self, "do_" + command["do"])(command)
        except zmq.ZMQError as error:
            code = errno.errorcode.get(error.errno, str(error.errno))
            self.answer(id=command["id"], code=code, message=str(error))
        else:
            if command["do"] != "receive":
                self.answer(id=command["id"], value=value)

    def readable(self, number, socket):
        if number in self.serving:
            frames = socket.recv_multipart()
            socket.send_multipart([self.serving[number] + frame for frame in frames])
        elif self.waiting.get(number):
            self.answer(id=self.waiting[number].pop(0), value=encode(socket.recv_multipart()))
        self.watch(number)

    def watch(self, number):
        """Polls a socket only while somebody wants its messages: else the loop would spin."""
        socket = self.sockets[number]
        if number in self.serving or self.waiting.get(number):
            self.poller.register(socket, zmq.POLLIN)
        elif socket in self.poller:
            self.poller.unregister(socket)

    def do_version(self, _):
        return {"pyzmq": zmq.__version__, "libzmq": zmq.zmq_version()}

    def do_open(self, command):
        number = len(self.sockets) + 1
        socket = self.context.socket(getattr(zmq, command["type"]))
        socket.setsockopt(zmq.LINGER, 0)
        self.sockets[number] = socket
        for name, value in command["options"].items():
            self.set_option(socket, name, value)
        return number

    def set_option(self, socket, name, value):
        option = getattr(zmq, name)
        if isinstance(value, str):
            socket.setsockopt_string(option, value)
        else:
            socket.setsockopt(option, int(value))

    def do_set(self, command):
        self.set_option(self.sockets[command["socket"]], command["name"], command["value"])

    def do_bind(self, command):
        socket = self.sockets[command["socket"]]
        socket.bind(command["endpoint"])
        return socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()

    def do_connect(self, command):
        self.sockets[command["socket"]].connect(command["endpoint"])

    def do_send(self, command):
        socket = self.sockets[command["socket"]]
        socket.send_multipart(decode(command["frames"]))

    def do_receive(self, command):
        self.waiting.setdefault(command["socket"], []).append(command["id"])
        self.watch(command["socket"])

    def do_serve(self, command):
        """Answers every message by itself: each frame with `prefix` in front."""
        self.serving[command["socket"]] = command["prefix"].encode()
        self.watch(command["socket"])

    def do_close(self, command):
        socket = self.sockets[command["socket"]]
        if socket in self.poller:
            self.poller.unregister(socket)
        self.waiting.pop(command["socket"], None)
        self.serving.pop(command["socket"], None)
        socket.close(linger=0)
        # The number stays taken, so that numbers are never given twice.
        self.sockets[command["socket"]] = None


Peer().run()
