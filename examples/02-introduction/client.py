"""One REQ client, two servers: ten requests go to them in turn, five to each.

    python3 examples/02-introduction/client.py [endpoint ...]        (pip install pyzmq)
"""

import sys

import zmq

endpoints = sys.argv[1:] or ["tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556"]

socket = zmq.Context.instance().socket(zmq.REQ)
for endpoint in endpoints:
    socket.connect(endpoint)

for i in range(1, 11):
    socket.send_string("Hello")
    print(f"{i}: {socket.recv_string()}")
