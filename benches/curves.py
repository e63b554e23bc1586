"""Payments under load as curves: rate and latency from 1 to 256 connections, and both with the size of the database from ten thousand to ten
million remembered identities.

Usage: curves.py collect PROGRAM DIRECTORY LARGEST OUT.json — measures PROGRAM (the release binary) with SQLite in an empty DIRECTORY, up to
                                                              LARGEST remembered identities; OUT.json is written after each point.
       curves.py draw DATA.json DIRECTORY                   — draws what DATA.json holds as SVG; draws nothing that was not measured.
Payments are signed before a point is measured; each is consumed once, and an answer that is not `accepted`, `first` ends the run.
"""

import json
import os
import selectors
import socket
import sys
import time

CONNECTIONS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
IDENTITIES = [10_000, 100_000, 1_000_000, 10_000_000]
# Payments of one point, and connections by which growth is looked at.
PAYMENTS, CALLERS = 4_000, 32
FIRST = b'"seen":"first"'


def timed(port, token, messages, connections):
    """Each message over one of so many connections that stay open: seconds in all, and of each from its first octet sent to its last read."""
    selector, waiting, took = selectors.DefaultSelector(), list(reversed(messages)), []

    def send(connection):
        body = waiting.pop().encode()
        head = f"POST /api/v1/transactions/verify HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
        connection.state = (time.perf_counter(), b"")
        connection.sendall(f"{head}content-type: application/jose\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

    class Connection(socket.socket):
        state = None

    for _ in range(min(connections, len(messages))):
        connection = Connection(socket.AF_INET, socket.SOCK_STREAM)
        connection.connect(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, connection)
    began = time.perf_counter()
    for key in list(selector.get_map().values()):
        send(key.data)
    while selector.get_map():
        for key, _ in selector.select(60):
            connection = key.data
            since, octets = connection.state
            part = connection.recv(65_536)
            octets += part
            head, found, body = octets.partition(b"\r\n\r\n")
            length = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if part and not (found and len(body) >= int(length[0])):
                connection.state = (since, octets)
                continue
            if b'"accepted"' not in body or FIRST not in body:
                sys.exit(f"curves: a payment was not accepted: {octets[:2_000]}")
            took.append(time.perf_counter() - since)
            if waiting:
                send(connection)
            else:
                selector.unregister(connection)
                connection.close()
    return time.perf_counter() - began, sorted(took)


def point(port, token, messages, connections):
    seconds, took = timed(port, token, messages, connections)
    at = lambda part: round(took[min(len(took) - 1, int(len(took) * part))] * 1_000, 3)
    return {"payments": len(took), "rate": round(len(took) / seconds, 1), "p50_ms": at(0.5), "p99_ms": at(0.99)}


def collect(program, directory, largest, out):
    import replay
    from cryptography.hazmat.primitives.asymmetric import ec

    service = replay.Service(program, directory, "sqlite")
    run = replay.Replay(service, 1)
    service.start()
    with open(service.data + ".secrets/demo-accounts.json", encoding="utf-8") as file:
        passwords = {account["login"]: account["password"] for account in json.load(file)}
    service.end()
    service.start("--no-demo")
    run.staff = {login: service.log_in(login, passwords[login]) for login in ("gianhang", "dangky", "duyet", "thanhtoan")}
    provider = run.staff["thanhtoan"]
    _, issuing = service.call("GET", "/ca/citizens-issuing.cer", None)
    payers = []
    for number in range(replay.PAYERS):
        person, key = replay.Person(800_000 + number, False), ec.generate_private_key(ec.SECP256R1())
        run.enrol(person, key)
        payers.append(replay.Payer(person, key, issuing))
    done = 0

    def messages(count):
        nonlocal done
        text = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        created, expires = text(0), text(3_600)
        done += count
        return [payers[at % len(payers)].order(f"CURVE-{done - count + at}", created, expires) for at in range(count)]

    data = {"load": round(os.getloadavg()[0], 1), "cores": os.cpu_count(), "connections": [], "identities": []}
    run.bring(messages(500), provider)

    def grown_to(identities):
        while done < identities:
            run.bring(messages(min(replay.STREAM, identities - done)), provider)
        octets, _ = replay.sizes(service, "sqlite")
        measured = point(service.port, provider, messages(PAYMENTS), CALLERS)
        data["identities"].append({"identities": identities, "database_mb": round(octets / 1e6, 1)} | measured)
        print(data["identities"][-1], flush=True)

    def kept():
        with open(out, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
            file.write("\n")

    # The smallest database first: the points of the connections make it grow, too.
    sizes = [size for size in IDENTITIES if size <= largest]
    for identities in sizes[:1]:
        grown_to(identities)
        kept()
    for connections in CONNECTIONS:
        count = max(500, min(PAYMENTS, connections * 500))
        data["connections"].append({"connections": connections} | point(service.port, provider, messages(count), connections))
        print(data["connections"][-1], flush=True)
        kept()
    for identities in sizes[1:]:
        grown_to(identities)
        kept()
    service.end()


# Drawing: one picture of two panels, each with its own scale; ink that is read on light and on dark ground.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, GAP = 720, 300, 62, 16, 46, 52, 78
INK, SOFT, FIRST_LINE, SECOND_LINE = "#2b2722", "#6a645a", "#9b1c1f", "#14509b"


def grouped(number):
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:g}"


def ceiling(largest):
    """A round number not below it, and the steps up to it."""
    base = 10 ** (len(str(int(max(largest, 1)))) - 1)
    top = next(base * step for step in (1, 2, 4, 5, 8, 10) if base * step >= largest)
    return top, [top * part / 4 for part in range(5)]


def panel(left, width, title, labels, lines):
    """One panel: equal steps from point to point (each is a multiple of the one before), values from nought."""
    right, bottom = left + width, HEIGHT - BOTTOM
    top, steps = ceiling(max(value for _, _, values in lines for value in values))
    x = lambda at: left + (width * at / (len(labels) - 1) if len(labels) > 1 else width / 2)
    y = lambda value: bottom - (bottom - TOP) * value / top
    parts = [f'<text x="{left}" y="20" font-size="14" font-weight="600" fill="{INK}">{title}</text>']
    for step in steps:
        parts.append(f'<path d="M{left} {y(step):.1f}H{right}" stroke="#ddd7cb"/>')
        parts.append(f'<text x="{left - 6}" y="{y(step) + 4:.1f}" font-size="11" text-anchor="end" fill="{SOFT}">{grouped(step)}</text>')
    for at, label in enumerate(labels):
        parts.append(f'<text x="{x(at):.1f}" y="{bottom + 17}" font-size="11" text-anchor="middle" fill="{SOFT}">{label}</text>')
    for number, (name, colour, values) in enumerate(lines):
        road = "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in enumerate(values))
        dashes = ' stroke-dasharray="6 4"' if number else ""
        parts.append(f'<path d="M{road}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"{dashes}/>')
        parts.extend(f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="3.5" fill="{colour}"/>' for at, value in enumerate(values))
        key = left + number * 120
        parts.append(f'<path d="M{key} 33h22" stroke="{colour}" stroke-width="2.5"{dashes}/>')
        parts.append(f'<text x="{key + 28}" y="37" font-size="12" fill="{INK}">{name}</text>')
    return "\n".join(parts)


def picture(caption, below, panels):
    width = (WIDTH - LEFT - RIGHT - GAP) / 2
    drawn = "\n".join(panel(LEFT + at * (width + GAP), width, *one) for at, one in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{caption}" '
        f'font-family="system-ui, \'Liberation Sans\', Arial, sans-serif">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n{drawn}\n'
        f'<text x="{WIDTH / 2:g}" y="{HEIGHT - 10}" font-size="12" text-anchor="middle" fill="{SOFT}">{below}</text>\n</svg>\n'
    )


def draw(data, directory):
    with open(data, encoding="utf-8") as file:
        data = json.load(file)
    column = lambda rows, name: [row[name] for row in rows]
    latency = lambda rows: [("median", FIRST_LINE, column(rows, "p50_ms")), ("99 of 100", SECOND_LINE, column(rows, "p99_ms"))]
    pictures = {}
    rows = data["connections"]
    labels = [str(row["connections"]) for row in rows]
    panels = [("Payments a second", labels, [("rate", FIRST_LINE, column(rows, "rate"))]), ("Latency, ms", labels, latency(rows))]
    pictures["payment-connections"] = picture("Rate and latency by connections", "connections at a time", panels)
    rows = data["identities"]
    if rows:
        short = lambda count: f"{count // 1_000_000} m" if count >= 1_000_000 else f"{count // 1_000} k"
        labels = [short(row["identities"]) for row in rows]
        rate = [("rate", FIRST_LINE, column(rows, "rate"))]
        panels = [("Payments a second", labels, rate), ("Database, MB", labels, [("size", SECOND_LINE, column(rows, "database_mb"))])]
        below = f"remembered identities, {CALLERS} connections"
        pictures["payment-identities"] = picture("Rate and size by remembered identities", below, panels)
    for name, text in pictures.items():
        path = os.path.join(directory, name + ".svg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        print(path)


def main():
    match sys.argv[1:]:
        case ["collect", program, directory, largest, out]:
            collect(program, directory, int(largest), out)
        case ["draw", data, directory]:
            draw(data, directory)
        case _:
            sys.exit(__doc__)


main()
