"""The small TLS client of `cargo xtask bench edge`: what wrk and h2load do not do.

  client.py status PORT PATH             prints the status of one GET
  client.py handshakes PORT COUNT MODE   COUNT connections, each with one GET of /1k.html; MODE is full or resumed.
                                         Prints how many were resumed, and the median and 99th percentile in ms.
  client.py idle PORT COUNT              opens COUNT connections with one GET each, prints "ready", and holds them
                                         until its input ends
Loopback only; the certificate is the bench's own and is not checked.
"""

import resource
import socket
import ssl
import sys
import time


def context():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    tls.set_alpn_protocols(["http/1.1"])
    return tls


def connect(tls, port, session=None):
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(plain, server_hostname="localhost", session=session)


def get(connection, path, close):
    last = "close" if close else "keep-alive"
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {last}\r\n\r\n".encode())
    got = b""
    while b"\r\n\r\n" not in got:
        part = connection.recv(65536)
        if not part:
            raise SystemExit("the server closed before it answered")
        got += part
    head, body = got.split(b"\r\n\r\n", 1)
    status = int(head.split(b" ", 2)[1])
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.strip().lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            raise SystemExit("the server closed within its answer")
        body += part
    return status


def handshakes(port, count, mode):
    tls = context()
    session = None
    if mode == "resumed":
        with connect(tls, port) as connection:
            get(connection, "/1k.html", close=True)
            session = connection.session
    resumed = 0
    times = []
    for _ in range(count):
        began = time.perf_counter()
        with connect(tls, port, session) as connection:
            resumed += connection.session_reused
            if get(connection, "/1k.html", close=True) != 200:
                raise SystemExit("a handshake's GET was not answered with 200")
            # TLS 1.3 tickets are for one use each; the answer brought a new one.
            if mode == "resumed":
                session = connection.session
        times.append(time.perf_counter() - began)
    times.sort()
    print(resumed, times[len(times) // 2] * 1000, times[len(times) * 99 // 100] * 1000)


def idle(port, count):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tls = context()
    held = []
    for _ in range(count):
        connection = connect(tls, port)
        if get(connection, "/1k.html", close=False) != 200:
            raise SystemExit("an idle connection's GET was not answered with 200")
        held.append(connection)
    print("ready", flush=True)
    sys.stdin.read()


def main():
    word, port, *rest = sys.argv[1:]
    if word == "status":
        with connect(context(), int(port)) as connection:
            print(get(connection, rest[0], close=True))
    elif word == "handshakes":
        handshakes(int(port), int(rest[0]), rest[1])
    elif word == "idle":
        idle(int(port), int(rest[0]))


main()
