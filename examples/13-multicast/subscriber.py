"""A subscriber: it hears everything that is sent to the group, and shows what starts with one of its prefixes.

    python3 examples/09-multicast/subscriber.py endpoint [prefix ...]        (a libzmq with PGM: apt install python3-zmq)

The endpoint has the address of an interface of this machine: epgm://10.0.0.7;239.192.1.1:5555
"""

import sys

import zmq

if not zmq.has("pgm"):
    sys.exit("This libzmq was built without PGM. Debian's has it: apt install python3-zmq, and /usr/bin/python3.")

socket = zmq.Context.instance().socket(zmq.SUB)
socket.rate = 1000  # kbit/s, as the publisher has it; before connect
for prefix in sys.argv[2:] or [""]:
    socket.subscribe(prefix)
socket.connect(sys.argv[1])

while True:
    topic, text = socket.recv_multipart()
    print(f"{topic.decode()}  {text.decode()}", flush=True)
