"""The same service by ZeroMQ: a plain REQ socket and JSON.

    python3 examples/14-two-faces/client.py [endpoint]        (pip install pyzmq)
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5555"

socket = zmq.Context.instance().socket(zmq.REQ)
socket.connect(endpoint)

for item in ["tea", "coffee", "gold"]:
    socket.send_json({"item": item, "count": 2})
    print(socket.recv_json())
