"""A worker in Python: a plain REP socket, connected to the back end. It knows nothing of zscale.

    python3 examples/03-any-language/worker.py [endpoint]        (pip install pyzmq)
"""

import os
import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5556"

socket = zmq.Context.instance().socket(zmq.REP)
socket.connect(endpoint)
print(f"working for {endpoint}", flush=True)

while True:
    request = socket.recv_json()
    socket.send_json(
        {"text": f"Hello, {request['name']}!", "worker": "Python", "pid": os.getpid()}
    )
