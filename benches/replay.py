"""A year of a city over HTTP against a running service: people are enrolled and certified, documents signed and verified, payments brought.

Usage: replay.py PROGRAM DIRECTORY DATABASE SCALE OUT.json — PROGRAM is the release binary, DIRECTORY is empty and takes its data, DATABASE is
`sqlite` or the address of an empty PostgreSQL database, SCALE is the part of a year that is done (1 is the whole).
It counts what the service says was done and stops at the first answer that is not what it should be; it never guesses a figure.
"""

import base64
import concurrent.futures
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

# A year: Hanoi's programme of personal signatures, its officials, five documents a head, a million payments.
CITIZENS, OFFICIALS, DOCUMENTS_A_HEAD, PAYMENTS = 39_000, 12_188, 5, 1_000_000
# Documents of one activation, which a PIN opens; so one person in ten signs fifty.
ACTIVATION = 50
PAYERS = 8
# Payments of one stream.
STREAM = 1_000
CALLERS = 8
# After which a connection is not used again.
IDLE_SECONDS = 2.0
PIN = "mèo-xanh-ăn-phở"
PASSWORD = "một mật khẩu dài và riêng"
SHA256, ECDSA_SHA256 = "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2"


def stop(message):
    sys.exit("replay: " + message)


class Service:
    """The program as a process, and calls to it over connections that stay open, one a thread."""

    def __init__(self, program, directory, database):
        self.data = os.path.join(directory, "var")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = os.path.join(directory, "chuky.toml")
        names = "login login_day login_address activation_address pin pin_address verify".split()
        with open(config, "w", encoding="utf-8") as file:
            file.write("[hsm]\nrsa_stock = 0\n[rates]\n")
            file.writelines(f"{name} = {{ count = 1000000, seconds = 1 }}\n" for name in names)
        self.environment = dict(os.environ)
        self.environment["CHUKY__SERVER__LISTEN"] = f"127.0.0.1:{self.port}"
        self.environment["CHUKY__ACCOUNTS__SECOND_FACTOR"] = "where_enrolled"
        self.environment["RUST_LOG"] = "error"
        if database != "sqlite":
            self.environment["CHUKY__DATABASE__URL"] = database
        self.command = [program, "--config", config, "serve", "--data-dir", self.data]
        self.log = open(os.path.join(directory, "service.log"), "ab")
        self.process = None
        self.local = threading.local()

    def start(self, *arguments):
        self.process = subprocess.Popen(
            self.command + list(arguments), env=self.environment, stdout=subprocess.DEVNULL, stderr=self.log
        )
        for _ in range(3_000):
            if self.process.poll() is not None:
                stop(f"the service ended: {self.process.returncode}; see {self.log.name}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        stop("the service is not ready")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=120)

    def call(self, method, path, body, token="", kind="application/json"):
        """Status and octets. A connection that was idle for long is opened anew, for the service may have closed it; nothing is asked twice."""
        headers = {"Content-Type": kind}
        if token:
            headers["Authorization"] = "Bearer " + token
        connection, used = getattr(self.local, "connection", (None, 0.0))
        if connection is None or time.monotonic() - used > IDLE_SECONDS:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        octets = answer.read()
        self.local.connection = (None if answer.will_close else connection, time.monotonic())
        return answer.status, octets

    def json(self, path, body, token="", wanted=(200, 201)):
        status, octets = self.call("POST", path, json.dumps(body).encode(), token)
        if status not in wanted:
            stop(f"{path}: {status} {octets.decode(errors='replace')}")
        return json.loads(octets)

    def log_in(self, login, password):
        return self.json("/api/v1/session", {"login": login, "password": password})["token"]


class Person:
    def __init__(self, number, official):
        self.login, self.official = f"nguoi{number}", official
        female = number % 2 == 0
        self.content = {
            "full_name": "Nguyễn Thị Hồng Ưởng" if female else "Trần Văn Đức",
            "personal_number": f"001{1 if female else 0}90{number:06}",
            "birth_date": "1990-03-05",
            "sex": "female" if female else "male",
            "province": "Hà Nội",
            "locality": "Phường Hoàn Kiếm",
        }
        if official:
            self.content |= {"organization": "Sở Tư pháp thành phố Hà Nội", "title": "Chuyên viên"}
        self.receipt = None


class Replay:
    def __init__(self, service, scale):
        self.service, self.scale, self.phases, self.staff = service, scale, [], {}
        self.put_off = 0

    def scaled(self, count, least):
        return max(least, round(count * self.scale))

    def phase(self, name, whole, count, unit, work):
        """Does one phase and keeps its time. What `work` returns is taken as the seconds, where preparing is not the service's."""
        began = time.monotonic()
        seconds = work()
        seconds = time.monotonic() - began if seconds is None else seconds
        self.phases.append({"name": name, "unit": unit, "count": count, "whole": whole, "seconds": seconds})
        print(f"{name}: {count:,} {unit} in {seconds:.1f} s, {count / seconds:,.1f} a second", flush=True)

    def in_parallel(self, work, entries):
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
            for _ in pool.map(work, entries):
                pass

    def enrol(self, person, own_key=None):
        service = self.service
        enters = self.staff["dangky" if person.official else "gianhang"]
        request = {
            "hierarchy": "officials" if person.official else "citizens",
            "unit": "H26",
            "subscriber": person.content,
        }
        request = service.json("/api/v1/requests", request, enters)
        path = f"/api/v1/requests/{request['id']}"
        service.json(path + "/approve", {"content_digest": request["content_digest"]}, self.staff["duyet"])
        code = service.json(path + "/code", {}, enters)["activation_code"]
        shown = service.json("/api/v1/activations/preview", {"code": code})
        redeem = {"code": code, "login": person.login, "password": PASSWORD, "confirmed": shown["content_digest"]}
        redeem["consent"] = shown["consent" if own_key is None else "consent_own_key"]["version"]
        if own_key is None:
            redeem |= {"pin": PIN, "algorithm": "p256"}
            person.receipt = service.json("/api/v1/activations", redeem)
        else:
            name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "replay")])
            made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(own_key, hashes.SHA256())
            redeem["request"] = made.public_bytes(Encoding.PEM).decode()
            person.receipt = service.json("/api/v1/activations/own-key", redeem)

    def sign(self, person, token, signed):
        """Fifty documents under one activation; CAdES objects with their content."""
        documents = [
            (f"Văn bản {person.login}-{number}: " + "nội dung cần ký. " * 60).encode() for number in range(ACTIVATION)
        ]
        digests = [base64.b64encode(hashlib.sha256(one).digest()).decode() for one in documents]
        credential = person.receipt["credential"]
        order = {"credentialID": credential, "numSignatures": ACTIVATION, "hashes": digests}
        order |= {"hashAlgorithmOID": SHA256, "authData": [{"id": "PIN", "value": PIN}]}
        sad = self.service.json("/csc/v2/credentials/authorize", order, token)["SAD"]
        entries = [
            {
                "document": base64.b64encode(one).decode(),
                "signature_format": "C",
                "conformance_level": "Ades-B-B",
                "signed_envelope_property": "Attached",
                "signAlgo": ECDSA_SHA256,
            }
            for one in documents
        ]
        order = {"credentialID": credential, "SAD": sad, "documents": entries}
        answer = self.service.json("/csc/v2/signatures/signDoc", order, token)
        made = [base64.b64decode(one) for one in answer["DocumentWithSignature"]]
        if len(made) != ACTIVATION:
            stop(f"{len(made)} of {ACTIVATION} documents were signed")
        signed.append((token, made))

    def verify(self, entry):
        token, documents = entry
        boundary = b"chuky-replay-9f7c2b"
        body = b"".join(
            b"--%s\r\nContent-Disposition: form-data; name=\"document\"; filename=\"%d.p7m\"\r\n\r\n%s\r\n" % (boundary, number, one)
            for number, one in enumerate(documents)
        )
        body += b"--%s--\r\n" % boundary
        kind = "multipart/form-data; boundary=" + boundary.decode()
        status, octets = self.service.call("POST", "/api/v1/documents/verify-batch", body, token, kind)
        reports = [json.loads(line) for line in octets.splitlines()]
        passed = sum(report.get("indication") == "TOTAL_PASSED" for report in reports)
        if (status, passed) != (200, len(documents)):
            stop(f"{passed} of {len(documents)} documents passed: {status} {octets[:2_000].decode(errors='replace')}")

    def pay(self, payers, provider, count, prefix):
        """One stream after the other; signing them is the payers' work and not counted."""
        seconds, done = 0.0, 0
        while done < count:
            size = min(STREAM * CALLERS, count - done)
            now = time.gmtime()
            created = time.strftime("%Y-%m-%dT%H:%M:%SZ", now)
            expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3_600))
            lines = [payers[number % len(payers)].order(f"{prefix}-{done + number}", created, expires) for number in range(size)]
            streams = [lines[at : at + STREAM] for at in range(0, size, STREAM)]
            began = time.monotonic()
            self.in_parallel(lambda stream: self.bring(stream, provider), streams)
            seconds += time.monotonic() - began
            done += size
        return seconds

    def bring(self, lines, provider):
        """One stream; lines that the service puts off are brought again, as its clients are told to do."""
        while lines:
            body = ("\n".join(lines) + "\n").encode()
            path = "/api/v1/transactions/verify-batch"
            status, octets = self.service.call("POST", path, body, provider, "application/x-ndjson")
            answers = [json.loads(line) for line in octets.splitlines()]
            if status != 200 or len(answers) != len(lines):
                stop(f"{len(answers)} of {len(lines)} payments were answered: {status}")
            later = []
            for line, answer in zip(lines, answers):
                if answer.get("type") == "urn:chuky:problem:try_again":
                    later.append(line)
                elif (answer.get("verdict"), answer.get("seen")) != ("accepted", "first"):
                    stop(f"a payment was not accepted: {answer}")
            self.put_off += len(later)
            lines = later


class Payer:
    """A citizen with a key of their own, who signs payments (RFC 7515, ES256)."""

    def __init__(self, person, key, issuing):
        self.key, self.payer = key, "CCCD:" + person.content["personal_number"]
        own = x509.load_pem_x509_certificate(person.receipt["certificate"].encode()).public_bytes(Encoding.DER)
        chain = [base64.b64encode(one).decode() for one in (own, issuing)]
        self.header = encoded(json.dumps({"alg": "ES256", "x5c": chain}, separators=(",", ":")).encode())

    def order(self, name, created, expires):
        order = {"id": name, "payer": self.payer, "payee": "MST:0100000001", "amount": 150_000, "currency": "VND"}
        order |= {"created": created, "expires": expires, "reference": "Lệ phí hộ tịch"}
        text = self.header + "." + encoded(json.dumps(order, separators=(",", ":"), ensure_ascii=False).encode())
        r, s = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return text + "." + encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def encoded(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def sizes(service, database):
    """Octets of the database and of all other files of the service."""
    files = {}
    for folder, _, names in os.walk(service.data):
        files |= {name: os.path.getsize(os.path.join(folder, name)) for name in names}
    of_database = sum(size for name, size in files.items() if ".db" in name)
    if database != "sqlite":
        question = "SELECT pg_database_size(current_database())"
        output = subprocess.run(["psql", "-X", "-q", "-A", "-t", database, "-c", question], check=True, capture_output=True)
        return int(output.stdout), sum(files.values())
    return of_database, sum(files.values()) - of_database


def run(service, database, scale, out):
    replay = Replay(service, scale)
    service.start()
    with open(service.data + ".secrets/demo-accounts.json", encoding="utf-8") as file:
        passwords = {account["login"]: account["password"] for account in json.load(file)}
    service.end()
    service.start("--no-demo")
    replay.staff = {login: service.log_in(login, passwords[login]) for login in ("gianhang", "dangky", "duyet", "thanhtoan")}
    before, _ = sizes(service, database)
    began = time.monotonic()
    # 1. People.
    citizens = [Person(number, False) for number in range(replay.scaled(CITIZENS, 20))]
    officials = [Person(900_000 + number, True) for number in range(replay.scaled(OFFICIALS, 5))]
    for name, whole, people in (("citizens", CITIZENS, citizens), ("officials", OFFICIALS, officials)):
        work = lambda people=people: replay.in_parallel(replay.enrol, people)
        replay.phase(f"{name} enrolled, approved and certified", whole, len(people), name, work)
    # 2. Documents, by one person in ten.
    people = citizens + officials
    documents = (CITIZENS + OFFICIALS) * DOCUMENTS_A_HEAD
    signers = people[:: ACTIVATION // DOCUMENTS_A_HEAD]
    sessions, signed = {}, []

    def log_in(person):
        sessions[person.login] = service.log_in(person.login, PASSWORD)

    whole = (CITIZENS + OFFICIALS) * DOCUMENTS_A_HEAD // ACTIVATION
    replay.phase("signers logged in", whole, len(signers), "log-ins", lambda: replay.in_parallel(log_in, signers))
    sign = lambda person: replay.sign(person, sessions[person.login], signed)
    count = len(signers) * ACTIVATION
    replay.phase("documents signed, fifty an activation", documents, count, "documents", lambda: replay.in_parallel(sign, signers))
    replay.phase("documents verified", documents, count, "documents", lambda: replay.in_parallel(replay.verify, signed))
    # 3. Payments.
    _, issuing = service.call("GET", "/ca/citizens-issuing.cer", None)
    payers = []
    for number in range(PAYERS):
        person, key = Person(800_000 + number, False), ec.generate_private_key(ec.SECP256R1())
        replay.enrol(person, key)
        payers.append(Payer(person, key, issuing))
    count = replay.scaled(PAYMENTS, 1_000)
    pay = lambda: replay.pay(payers, replay.staff["thanhtoan"], count, "REPLAY")
    replay.phase("payments verified and consumed", PAYMENTS, count, "payments", pay)
    wall = time.monotonic() - began
    report(replay, (before, *sizes(service, database)), wall, out)
    service.end()


def report(replay, octets, wall, out):
    before, database, files = octets
    entries = [dict(phase, calculated_seconds=phase["seconds"] * phase["whole"] / phase["count"]) for phase in replay.phases]
    whole = sum(entry["calculated_seconds"] for entry in entries)
    print(f"\n{'phase':44} {'done':>10} {'seconds':>9}   {'a year':>10} {'calculated':>11}")
    for entry in entries:
        print(
            f"{entry['name']:44} {entry['count']:>10,} {entry['seconds']:>9.1f}   {entry['whole']:>10,} "
            f"{entry['calculated_seconds']:>9.0f} s"
        )
    print(f"{replay.put_off} payments were put off and brought again")
    print(f"scale {replay.scale:g}: {wall:.0f} s in all, {database / 1e6:.1f} MB of database ({before / 1e6:.1f} MB of it before), {files / 1e6:.1f} MB of other files")
    if replay.scale < 1:
        size = before + (database - before) / replay.scale
        print(f"a whole year, calculated and not run: {whole / 60:.0f} minutes, {size / 1e6:,.0f} MB of database")
    figures = {"scale": replay.scale, "payments_put_off": replay.put_off, "phases": entries, "seconds": wall, "database": database, "database_before": before, "files": files}
    with open(out, "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=1)


def main():
    program, directory, database, scale, out = sys.argv[1:]
    service = Service(program, directory, database)
    try:
        run(service, database, float(scale), out)
    finally:
        if service.process and service.process.poll() is None:
            service.process.kill()
            service.process.wait()


if __name__ == "__main__":
    main()
