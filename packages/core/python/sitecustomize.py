"""Loads before an unmodified Python program that runs as a zscale worker.

The supervisor puts this folder on PYTHONPATH. It takes over the one thing that several processes
cannot do each: binding the port of the server. `bind` of a zmq.REP socket tells the supervisor the
address that was asked for, and connects the socket to the queue of the service instead. Everything
else of pyzmq is as it was. In any other process that inherits the folder it does nothing.

    fd ZSCALE_REPORT_FD, to the supervisor, one JSON object a line:
        {"type": "bound", "endpoint": "tcp://127.0.0.1:5000"}
        {"type": "boot-failed", "code": "ZSCALE_ERR_LOAD", "message": "..."}

It needs nothing but the standard library, and Python 3.7.
"""

import importlib.machinery
import importlib.util
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))


class UnsupportedError(RuntimeError):
    """The program asked for something that a worker of zscale cannot do; the text says what to do."""


def withdraw():
    """Takes this folder out of everything that the program, or a child of it, may look at."""
    kept = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and not is_here(p)]
    if kept:
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    else:
        os.environ.pop("PYTHONPATH", None)
    sys.path[:] = [p for p in sys.path if not is_here(p)]


def is_here(path):
    return os.path.abspath(path) == FOLDER


def chain():
    """Runs the sitecustomize that this one hid: the user's, or the distribution's."""
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


class Worker:
    """What this process is to its supervisor."""

    def __init__(self, backend, report_fd, has_own_address):
        self.backend = backend
        self.report_fd = report_fd
        # The operator said where clients connect: what the program asks for is not looked at.
        self.has_own_address = has_own_address
        self.address = None
        self.socket = None

    def report(self, message):
        import json

        try:
            os.write(self.report_fd, (json.dumps(message) + "\n").encode())
        except OSError:
            pass  # The supervisor is gone, and this process will be in a moment.

    def refuse(self, text):
        self.report({"type": "boot-failed", "code": "ZSCALE_ERR_LOAD", "message": text})
        raise UnsupportedError(text)

    def takes(self, zmq, socket, address):
        """Whether a bind is the one to take over; refuses those that no second worker could do."""
        scheme, separator, rest = address.partition("://")
        if scheme == "inproc" or not separator:
            return False
        kind = socket.getsockopt(zmq.TYPE)
        if kind == zmq.REP:
            return True
        if rest.endswith((":*", ":0")) or rest == "*":
            return False  # A port of its own for each worker: nothing to do with clients.
        self.refuse(
            "a %s socket binds %s, and only one process can. zscale takes over zmq.REP sockets: "
            "let this one connect, bind a free port (tcp://127.0.0.1:*), or run it as a program "
            "of its own" % (name_of(zmq, kind), address)
        )

    def bind(self, zmq, socket, address):
        """The supervisor hears the address, the socket goes to the queue."""
        before = self.socket() if self.socket is not None else None
        if before is not None and not before.closed and not self.repeats(before, socket):
            self.refuse(
                "the program binds %s after %s, and a worker has one place where its requests "
                "come from. Bind once, and give further addresses as --bind" % (address, self.address)
            )
        if is_secured(zmq, socket):
            self.refuse(
                "the socket bound at %s asks for PLAIN or CURVE, which is between the clients and "
                "the front end of zscale. Leave it out in the program" % address
            )
        self.address = address
        self.socket = weakref_to(socket)
        self.report({"type": "bound", "endpoint": address})
        return socket.connect(self.backend)

    def repeats(self, before, socket):
        return before is socket and self.has_own_address

    def endpoint_of(self, socket):
        """What zmq.LAST_ENDPOINT would be, had the bind not been taken over; or None."""
        if self.socket is None or self.socket() is not socket:
            return None
        return self.address.replace("tcp://*:", "tcp://0.0.0.0:").encode()

    def unbind(self, socket, address):
        """True when the address was taken over, and is given up now."""
        if self.socket is None or self.socket() is not socket or address != self.address:
            return False
        self.socket = None
        socket.disconnect(self.backend)
        return True


def weakref_to(socket):
    import weakref

    return weakref.ref(socket)


def is_secured(zmq, socket):
    try:
        return socket.getsockopt(zmq.MECHANISM) != zmq.NULL
    except (AttributeError, zmq.ZMQError):
        return False  # A libzmq without security.


def name_of(zmq, kind):
    for name in ("PAIR", "PUB", "SUB", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB", "STREAM"):
        if getattr(zmq, name, None) == kind:
            return "zmq." + name
    return "ZeroMQ"


def take_over(zmq, worker):
    """Puts our verbs in place of pyzmq's. Sockets of asyncio, green ones and the program's own
    classes inherit them."""
    Socket = zmq.Socket
    bind, unbind, bind_to_random_port = Socket.bind, Socket.unbind, Socket.bind_to_random_port
    get = Socket.get

    def get_or_tell(self, option):
        found = worker.endpoint_of(self) if option == zmq.LAST_ENDPOINT else None
        return get(self, option) if found is None else found

    def bind_or_report(self, addr):
        text = addr.decode() if isinstance(addr, bytes) else addr
        if worker.takes(zmq, self, text):
            return worker.bind(zmq, self, text)
        return bind(self, addr)

    def unbind_or_leave(self, addr):
        text = addr.decode() if isinstance(addr, bytes) else addr
        if not worker.unbind(self, text):
            unbind(self, addr)

    def random_port_or_refuse(self, addr, *args, **kwargs):
        if self.getsockopt(zmq.TYPE) == zmq.REP and not addr.startswith("inproc:"):
            worker.refuse(
                "bind_to_random_port(%r) of a zmq.REP socket would give each worker a port of its "
                "own. Bind one address, or run the program with --exec and connect to "
                "ZSCALE_BACKEND" % addr
            )
        return bind_to_random_port(self, addr, *args, **kwargs)

    for ours, theirs in (
        (get_or_tell, get),
        (bind_or_report, bind),
        (unbind_or_leave, unbind),
        (random_port_or_refuse, bind_to_random_port),
    ):
        ours.__name__, ours.__doc__ = theirs.__name__, theirs.__doc__
    Socket.get = Socket.getsockopt = get_or_tell
    Socket.bind = bind_or_report
    Socket.unbind = unbind_or_leave
    Socket.bind_to_random_port = random_port_or_refuse


class ZmqFinder:
    """Waits on sys.meta_path for the program to import zmq, and then is done."""

    def __init__(self, worker):
        self.worker = worker

    def find_spec(self, name, path=None, target=None):
        if name != "zmq":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            sys.meta_path.insert(0, self)  # Not there yet: the program may change sys.path.
            return None
        load = spec.loader.exec_module

        def load_and_take_over(module):
            load(module)
            take_over(module, self.worker)

        spec.loader.exec_module = load_and_take_over
        return spec


def start():
    orders = os.environ.pop("ZSCALE_REPORT_FD", None)
    withdraw()
    if orders is None:
        return
    os.set_inheritable(int(orders), False)
    worker = Worker(
        os.environ["ZSCALE_BACKEND"],
        int(orders),
        os.environ.pop("ZSCALE_OWN_ADDRESS", None) is not None,
    )
    sys.meta_path.insert(0, ZmqFinder(worker))


start()
chain()
