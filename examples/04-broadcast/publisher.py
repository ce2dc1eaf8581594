"""A publisher: three football matches at once, told to whoever follows them, be it nobody or thousands.

    python3 examples/04-broadcast/publisher.py [endpoint]        (pip install pyzmq)
"""

import itertools
import random
import sys
import time

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5557"
matches = {"match/1": [0, 0], "match/2": [0, 0], "match/3": [0, 0]}

socket = zmq.Context.instance().socket(zmq.PUB)
socket.bind(endpoint)
print(f"broadcasting at {socket.last_endpoint.decode()}", flush=True)

# Nobody blows the whistle: it goes on until Ctrl-C.
for minute in itertools.count(1):
    for match, score in matches.items():
        kind = random.choice(["corner", "foul", "goal", "save"])
        if kind == "goal":
            score[random.randrange(2)] += 1

        # The first frame is what subscriptions are compared with.
        topic = f"{match}/{kind}"
        text = f"minute {minute}, {score[0]}:{score[1]}"
        socket.send_multipart([topic.encode(), text.encode()])
        print(f"{topic}  {text}", flush=True)
        time.sleep(0.1)
