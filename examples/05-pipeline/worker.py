"""A worker: takes jobs, counts primes, gives the results to the collector. Start as many as you like.

    python3 examples/05-pipeline/worker.py [jobs] [collector]        (pip install pyzmq)
"""

import os
import sys
import time

import zmq

jobs = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5558"
collector = sys.argv[2] if len(sys.argv) > 2 else "tcp://127.0.0.1:5559"


def is_prime(n):
    return n > 1 and all(n % divisor for divisor in range(2, int(n**0.5) + 1))


context = zmq.Context.instance()
source = context.socket(zmq.PULL)
source.connect(jobs)
sink = context.socket(zmq.PUSH)
sink.connect(collector)
worker = f"python {os.getpid()}"
print(f"{worker} works for {jobs}", flush=True)

while True:
    job = source.recv_json()
    start = time.perf_counter()
    primes = sum(is_prime(n) for n in range(job["from"], job["to"]))
    ms = (time.perf_counter() - start) * 1000
    sink.send_json({"worker": worker, "primes": primes, "ms": ms, "of": job["of"]})
