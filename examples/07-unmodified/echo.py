"""An echo server: one process, one REP socket.

    python3 examples/07-unmodified/echo.py        (pip install pyzmq)
"""

import os

import zmq

socket = zmq.Context().socket(zmq.REP)
socket.bind("tcp://127.0.0.1:5000")
print("listening", flush=True)
while True:
    message = socket.recv()
    socket.send(message + b" from %d" % os.getpid())
