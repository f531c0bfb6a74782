"""The CloudEvents SDK for Python as a sender and as a receiver.

    interop.py send TABLE URL...   sends every event of the table to every URL, in every mode the SDK writes
    interop.py receive             listens, and prints where; then what it reads, until its standard input ends

Prints one JSON object a line. The table and the lines are described in `tests/http/interop/sdk.rs`.
"""

import base64
import json
import sys
import threading
from datetime import datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from dateutil.parser import isoparse

NATIVE = {"timestamp": isoparse, "binary": base64.b64decode, "uri": str}
MODES = {"binary": to_binary_event, "structured": to_structured_event}
STRUCTURED = "application/cloudevents"

printing = threading.Lock()


def say(line):
    with printing:
        print(json.dumps(line), flush=True)


def why(error):
    return f"{type(error).__name__}: {error}"


def event_of(entry):
    attributes = dict(entry["event"])
    data = attributes.pop("data", None)
    if "data_base64" in attributes:
        data = base64.b64decode(attributes.pop("data_base64"))
    for name, kind in {"time": "timestamp", **entry.get("types", {})}.items():
        if name in attributes:
            attributes[name] = NATIVE[kind](attributes[name])
    return CloudEvent(attributes, data)


def send(table, urls):
    for url in urls:
        at = urlsplit(url)
        connection = HTTPConnection(at.hostname, at.port)
        for mode, write in MODES.items():
            for entry in table:
                line = {"url": url, "mode": mode, "ids": [entry["event"]["id"]]}
                try:
                    message = write(event_of(entry))
                    line["body"] = base64.b64encode(message.body).decode()
                    connection.request("POST", at.path, message.body, message.headers)
                    response = connection.getresponse()
                    line["status"], line["answer"] = response.status, response.read().decode()
                except Exception as error:
                    connection.close()
                    line["error"] = why(error)
                say(line)


def shown(value):
    if isinstance(value, datetime):
        # As the SDK itself writes it.
        return value.isoformat().replace("+00:00", "Z")
    return value


def data_of(event):
    data = event.get_data()
    if data is None:
        return {}
    if isinstance(data, (bytes, bytearray)):
        return {"base64": base64.b64encode(data).decode()}
    return {"value": data}


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        structured = self.headers.get("content-type", "").startswith(STRUCTURED)
        line = {"mode": "structured" if structured else "binary"}
        try:
            line["id"] = json.loads(body)["id"] if structured else self.headers["ce-id"]
            event = from_http_event(HTTPMessage(dict(self.headers.items()), body))
            line["id"] = event.get_id()
            line["attributes"] = {name: shown(value) for name, value in event.get_attributes().items()}
            line["data"] = data_of(event)
        except Exception as error:
            line["error"] = why(error)
        say(line)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def receive():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say({"port": server.server_port})
    sys.stdin.read()


if sys.argv[1] == "send":
    with open(sys.argv[2], encoding="utf-8") as file:
        send(json.load(file), sys.argv[3:])
else:
    receive()
