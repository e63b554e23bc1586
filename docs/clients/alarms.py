"""Receives alarms about payments: checks the service's signature, takes each alarm once, answers 204. Needs joserfc.
Usage: python alarms.py KEYS.json PROVIDER PORT SEEN [CERTIFICATE.pem KEY.pem]
KEYS.json is what GET /api/v1/receipts/keys said, PROVIDER the identifier of the provider's account, SEEN a file that remembers which alarms
were taken. With a certificate it serves HTTPS, which the service demands of every address but this machine's.
"""

import http.server
import json
import os
import ssl
import sys

from joserfc import jws
from joserfc.jwk import KeySet

keys_file, provider, port, seen_file = sys.argv[1:5]
LARGEST = 65536


def taken():
    if not os.path.exists(seen_file):
        return set()
    with open(seen_file, encoding="ascii") as file:
        return set(file.read().split())


def statement(body):
    """The alarm in a message that this service signed for this provider."""
    with open(keys_file, encoding="utf-8") as file:
        keys = KeySet.import_key_set(json.load(file))
    message = jws.deserialize_compact(body, keys, algorithms=["ES256"])
    if message.headers().get("typ") != "chuky-payment-alarm+json":
        raise ValueError("not an alarm")
    alarm = json.loads(message.payload)
    if alarm["provider"] != provider:
        raise ValueError("for somebody else")
    return alarm


class Receiver(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        length = int(self.headers.get("Content-Length", "0"))
        if not 0 < length <= LARGEST:
            return self.answer(413)
        try:
            alarm = statement(self.rfile.read(length))
        except Exception as error:
            print("refused:", error, file=sys.stderr, flush=True)
            return self.answer(400)
        if alarm["id"] not in taken():
            # Remember it, on disk, before saying that it was taken: an answer that is lost brings the same alarm again.
            with open(seen_file, "a", encoding="ascii") as file:
                file.write(alarm["id"] + "\n")
                file.flush()
                os.fsync(file.fileno())
            print(json.dumps(alarm), flush=True)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", int(port)), Receiver)
if len(sys.argv) > 5:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[5], sys.argv[6])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
