"""Black: connects to the one game there is, and answers until it is over.

    python3 examples/06-pair/black.py [endpoint]        (pip install pyzmq)
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5560"
moves = ["e5", "Nc6", "Nf6"]

socket = zmq.Context.instance().socket(zmq.PAIR)
socket.connect(endpoint)
print(f"joining {endpoint}", flush=True)

while (said := socket.recv_string()) != "checkmate":
    print(f"white: {said}", flush=True)
    if moves:
        move = moves.pop(0)
        socket.send_string(move)
        print(f"black: {move}", flush=True)
print(f"white: {said}")
