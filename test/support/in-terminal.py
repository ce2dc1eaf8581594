"""A program in a pseudo terminal, for terminal.ts: what it draws goes to stdout as it is.

Lines of JSON on stdin: {"send": text}, {"resize": [columns, rows]}, {"signal": number} to the program, and
{"hangup": true}, after which there is no terminal any more.
A line of JSON on stderr says that it was stopped, continued or has ended, and whether the terminal is as it was before.
The terminal stays open until stdin ends, as a shell would keep it; then the program is killed, also one that is stopped.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios


def resize(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


columns, rows, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
master, slave = pty.openpty()
resize(slave, columns, rows)
before = termios.tcgetattr(slave)
told, tell = os.pipe()
if os.fork() == 0:
    # The shell: it leads the session, has the program in front, and watches what becomes of it. A program without one could not
    # be stopped, for nobody would be there to continue it.
    os.close(master)
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(slave, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        os.execvp(command[0], command)
    os.write(tell, b"%d" % child)
    signal.signal(signal.SIGHUP, lambda *_: os.kill(child, signal.SIGHUP))
    while True:
        _, status = os.waitpid(child, os.WUNTRACED | os.WCONTINUED)
        try:
            event = {"restored": termios.tcgetattr(slave) == before}
        except termios.error:
            event = {"restored": False}
        if os.WIFSTOPPED(status):
            event["event"] = "stopped"
        elif os.WIFCONTINUED(status):
            event["event"] = "continued"
        else:
            event["event"] = "ended"
            event["code"] = os.waitstatus_to_exitcode(status)
        print(json.dumps(event), file=sys.stderr, flush=True)
        if event["event"] == "ended":
            os._exit(0)

child = int(os.read(told, 16))
unread = b""
sources = [master, 0]
while True:
    ready, _, _ = select.select(sources, [], [])
    if master in ready:
        os.write(1, os.read(master, 65536))
    if 0 not in ready:
        continue
    data = os.read(0, 65536)
    if not data:
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
        break
    *lines, unread = (unread + data).split(b"\n")
    for line in lines:
        order = json.loads(line)
        if "send" in order:
            os.write(master, order["send"].encode())
        elif "resize" in order:
            resize(master, *order["resize"])
        elif "hangup" in order:
            os.close(master)
            sources.remove(master)
        else:
            os.kill(child, order["signal"])
