"""A client in Python: a plain REQ socket, and the MessagePack that zscale speaks by default.

    pip install pyzmq msgpack
    python3 examples/01-hello/client.py [endpoint] [name]
"""

import sys

import msgpack
import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5555"
name = sys.argv[2] if len(sys.argv) > 2 else "Python"

socket = zmq.Context.instance().socket(zmq.REQ)
socket.connect(endpoint)
socket.send(msgpack.packb({"name": name}))
reply = msgpack.unpackb(socket.recv())
print(f"{reply['text']} from worker {reply['worker']} (pid {reply['pid']})")
