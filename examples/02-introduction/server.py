"""A REP server: it answers "Hello" with "World", and says on which port it does so.

    python3 examples/02-introduction/server.py 5555        (pip install pyzmq)
"""

import sys

import zmq

port = sys.argv[1] if len(sys.argv) > 1 else "5555"

socket = zmq.Context.instance().socket(zmq.REP)
socket.bind(f"tcp://127.0.0.1:{port}")
print(f"listening at {socket.last_endpoint.decode()}", flush=True)

while True:
    print(f"received {socket.recv_string()}", flush=True)
    socket.send_string(f"World from {port}")
