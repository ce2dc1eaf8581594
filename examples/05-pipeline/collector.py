"""The collector: adds up the results of all workers, and says who did how much and how long it took.

    python3 examples/05-pipeline/collector.py [endpoint]        (pip install pyzmq)
"""

import sys
import time
from collections import Counter

import zmq

endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5559"

socket = zmq.Context.instance().socket(zmq.PULL)
socket.bind(endpoint)
print(f"collecting at {socket.last_endpoint.decode()}", flush=True)

done = Counter()
primes, work, start = 0, 0, float("inf")

while True:
    result = socket.recv_json()
    start = min(start, time.perf_counter() - result["ms"] / 1000)  # when the first job was begun
    done[result["worker"]] += 1
    primes += result["primes"]
    work += result["ms"]
    if done.total() == result["of"]:
        break

passed = (time.perf_counter() - start) * 1000
for worker, jobs in done.items():
    print(f"{worker} did {jobs} jobs")
print(f"{primes} primes; {work:.0f} ms of work in {passed:.0f} ms")
