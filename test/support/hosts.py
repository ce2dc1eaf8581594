# Hosts with a link between them: network namespaces, each with one Ethernet interface, and a switch that passes frames on, late,
# with losses, or not at all. Not every kernel has netem; this one is in user space, and ends with its process: nothing is left of
# it, for the namespaces have no names and live as long as the processes in them.
#
#     hosts.py 3                     three hosts, 10.77.0.1 to 10.77.0.3; says their namespaces' process ids as JSON
#     {"cut": 2}  {"heal": 2}        on standard input, one line each: nothing reaches host 2 or comes from it; it is back
#     {"delay": 50, "loss": 0.02}    every frame comes 50 ms later, and 2 % never do
#
# Ends when its input does.
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
FRAME_BYTES = 65536

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def make_host(number, at_home):
    """A namespace kept by a process that sleeps; the frames of its interface can be read and written here."""
    ready, told = os.pipe()
    holder = os.fork()
    if holder == 0:
        check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
        check(libc.unshare(CLONE_NEWNET))
        os.write(told, b".")
        while True:
            signal.pause()
    os.read(ready, 1)
    os.close(ready)
    os.close(told)
    with open(f"/proc/{holder}/ns/net") as away:
        check(libc.setns(away.fileno(), CLONE_NEWNET))
    interface = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(interface, TUNSETIFF, struct.pack("16sH", b"eth0", IFF_TAP | IFF_NO_PI))
    address = f"10.77.0.{number}/24"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "addr", "add", address, "dev", "eth0"], check=True)
    subprocess.run(["ip", "link", "set", "eth0", "up"], check=True)
    check(libc.setns(at_home.fileno(), CLONE_NEWNET))
    return holder, interface


def main():
    with open("/proc/self/ns/net") as at_home:
        hosts = [make_host(i + 1, at_home) for i in range(int(sys.argv[1]))]
    interfaces = [interface for _, interface in hosts]
    print(json.dumps([holder for holder, _ in hosts]), flush=True)
    chance = random.Random(1)
    delay = 0.0
    loss = 0.0
    cut = set()
    late = []  # (when, order, to, frame)
    order = 0
    unread = b""
    while True:
        wait = max(late[0][0] - time.monotonic(), 0) if late else None
        readable, _, _ = select.select([0, *interfaces], [], [], wait)
        if 0 in readable:
            chunk = os.read(0, FRAME_BYTES)
            if chunk == b"":
                return
            *lines, unread = (unread + chunk).split(b"\n")
            for command in map(json.loads, lines):
                delay = command.get("delay", delay * 1000) / 1000
                loss = command.get("loss", loss)
                cut |= {command["cut"]} if "cut" in command else set()
                cut -= {command.get("heal")}
                print("done", flush=True)
        now = time.monotonic()
        for source in readable:
            if source == 0:
                continue
            frame = os.read(source, FRAME_BYTES)
            for number, target in enumerate(interfaces, 1):
                if target == source or chance.random() < loss:
                    continue
                if {number, interfaces.index(source) + 1} & cut:
                    continue
                order += 1
                heapq.heappush(late, (now + delay, order, target, frame))
        while late and late[0][0] <= time.monotonic():
            _, _, target, frame = heapq.heappop(late)
            try:
                os.write(target, frame)
            except OSError:
                pass  # its queue is full: as on any other link, it is lost


main()
