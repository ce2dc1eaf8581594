"""A subscriber: it gets what starts with one of its prefixes, and everything when it names none.

    python3 examples/04-broadcast/subscriber.py [endpoint] [prefix ...]        (pip install pyzmq)
"""

import sys

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5557"

socket = zmq.Context.instance().socket(zmq.SUB)
for prefix in sys.argv[2:] or [""]:
    socket.subscribe(prefix)
socket.connect(endpoint)

while True:
    topic, text = socket.recv_multipart()
    print(f"{topic.decode()}  {text.decode()}", flush=True)
