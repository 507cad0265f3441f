# SPDX-License-Identifier: MIT
"""Clients of `pyrope serve` that curl is too well-behaved for.

Usage: serve_requests.py WHAT PORT [ARG...]
"""
import concurrent.futures
import http.client
import http.server
import json
import os
import socket
import sys
import time

DEADLINE_S = 240


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)


def read_all(connection):
    answer = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            return answer
        if not part:
            return answer
        answer += part


def ask(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    result = answer.status, answer.read()
    connection.close()
    return result


def ids(port, **query):
    found, offset = [], 0
    while True:
        status, text = ask(port, "GET", "/api/profiles?offset=%d&limit=500" % offset)
        assert status == 200, (status, text)
        rows = json.loads(text)["profiles"]
        found += [row["id"] for row in rows]
        offset += 500
        if len(rows) < 500:
            return found


def raw(port, text):
    """The status of an answer to these bytes; 0: it was closed without one."""
    with connect(port) as connection:
        connection.sendall(text.encode("latin-1").replace(b"\\n", b"\r\n"))
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
        print(answer.split(b" ", 2)[1].decode() if answer.startswith(b"HTTP/") else 0)


def send_until_cut(port, head, piece, pause_s):
    """Sends a head, and then a piece at a time, until the server has had enough."""
    with connect(port) as connection:
        connection.sendall(head)
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            try:
                connection.sendall(piece)
                connection.settimeout(pause_s)
                if connection.recv(1000) == b"":
                    break
            except socket.timeout:
                continue
            except OSError:
                break
        else:
            sys.exit("it was never cut off")


def slow(port):
    """Sends the head of a request, and a byte of the body at times."""
    send_until_cut(port, b"PUT /slow.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n", b"a", 0.05)


def slow_head(port):
    """Sends a head that has no end, a line at a time."""
    send_until_cut(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-A: b\r\n", 0.2)


def truncated(port):
    """Promises more than it sends, and goes."""
    with connect(port) as connection:
        connection.sendall(b"PUT /cut.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\na.py:f:1 1\n")


def hold(port, count):
    """Opens so many uploads that never end; says ready when the server has them."""
    connections = []
    for _ in range(int(count)):
        connection = connect(port)
        connection.sendall(b"PUT /held.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n" + b"a.py:f:1 1\n" * 1000)
        connections.append(connection)
    # one that is answered and stays open, one that has said nothing, and one in the middle of its head
    idle = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    idle.request("GET", "/page.js")
    idle.getresponse().read()
    connections += [idle, connect(port), connect(port)]
    connections[-1].sendall(b"GET / HTTP/1.1\r\nHost: 127")
    print("ready", flush=True)
    while True:
        try:
            connections[-1].sendall(b"0")
        except OSError:
            pass  # the server has gone
        time.sleep(0.2)


def many(port, clients, uploads, megabytes, pid):
    """So many uploads of so many megabytes by so many clients at once: all are listed and whole, and memory stays flat."""
    port, clients, uploads, size, pid = int(port), int(clients), int(uploads), int(float(megabytes) * 1e6), int(pid)
    line = b"app.py:<module>:81;app.py:main:74;app.py:handle_%d:52;" + b"json/__init__.py:dumps:231;" * 37 + b"x.py:f:1 7\n"
    lines = []
    while sum(map(len, lines)) < size:
        lines.append(line.replace(b"%d", b"%d" % len(lines)))
    body = b"".join(lines)

    def resident():
        with open("/proc/%d/status" % pid) as status:
            return next(int(text.split()[1]) for text in status if text.startswith("VmHWM:"))

    def send(number):
        for _ in range(100):
            status, text = ask(port, "PUT", "/many_%d.txt?n=%d" % (number, number), body)
            if status != 503:
                break
            time.sleep(0.5)
        assert status == 201, (status, text)
        return text.decode().strip().rsplit("/", 1)[1]

    before = resident()
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        sent = list(pool.map(send, range(uploads)))
    seconds = time.monotonic() - began
    lost = set(sent) - set(ids(port))
    assert len(set(sent)) == uploads and not lost, lost
    for name in sent[:: max(1, uploads // 10)]:
        status, text = ask(port, "GET", "/p/%s/original" % name)
        assert status == 200 and text == body, (name, status, len(text))
    print("%d uploads of %.1f MB by %d clients: %.1f s, memory of the server %d kB before, %d kB at most" %
          (uploads, len(body) / 1e6, clients, seconds, before, resident()))
    if resident() - before > 24000:
        sys.exit("memory has grown")


def answer(status, put_status):
    """Another server: this status to all, and that one to what is sent. Prints its port."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(put_status if self.command == "PUT" else status))
            if status.startswith("3"):
                self.send_header("Location", "https://elsewhere.example/")
            self.end_headers()
            self.wfile.write(b"<html>a page\x1b[31m</html>" if status == "413" else b"because\x1b[31m of that\n")

        do_PUT = do_GET

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    print("port %d." % server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    what, arguments = sys.argv[1], sys.argv[2:]
    {"answer": answer, "raw": lambda port, text: raw(int(port), text), "slow": lambda port: slow(int(port)), "many": many,
     "slow_head": lambda port: slow_head(int(port)),
     "truncated": lambda port: truncated(int(port)), "hold": lambda port, count: hold(int(port), count)}[what](*arguments)
