"""A client in Python: a plain REQ socket and JSON, which the standard library has.

    python3 examples/03-any-language/client.py [endpoint]        (pip install pyzmq)
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5555"

socket = zmq.Context.instance().socket(zmq.REQ)
socket.connect(endpoint)

for i in range(1, 11):
    socket.send_json({"name": f"request {i}"})
    reply = socket.recv_json()
    print(f"{reply['text']} from worker {reply['worker']} (pid {reply['pid']})")
