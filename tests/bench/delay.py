#!/usr/bin/env python3
"""Stands before a server's unix socket and holds back what clients send, as a network would.

    delay.py MILLISECONDS SERVER-SOCKET SOCKET
"""
import os, queue, socket, sys, threading, time


def hold(source, target, delay):
    waiting = queue.SimpleQueue()

    def deliver():
        while True:
            due, data = waiting.get()
            pause = due - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            try:
                if not data:
                    return target.shutdown(socket.SHUT_WR)
                target.sendall(data)
            except OSError:
                return

    threading.Thread(target=deliver, daemon=True).start()
    data = b"-"
    while data:
        try:
            data = source.recv(1 << 16)
        except OSError:
            data = b""
        waiting.put((time.perf_counter() + delay, data))


def main():
    delay, server, path = float(sys.argv[1]) / 1000, sys.argv[2], sys.argv[3]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o777)
    listener.listen()
    while True:
        client, _ = listener.accept()
        to = socket.socket(socket.AF_UNIX)
        to.connect(server)
        threading.Thread(target=hold, args=(client, to, delay), daemon=True).start()
        threading.Thread(target=hold, args=(to, client, 0), daemon=True).start()


main()
