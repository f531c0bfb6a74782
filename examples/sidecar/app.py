import sys, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class App(BaseHTTPRequestHandler):  # receives orders, and sends an invoice for each: both through its sidecar
    def do_POST(self):
        order = self.rfile.read(int(self.headers["content-length"]))
        invoice = {"ce-specversion": "1.0", "ce-type": "com.acme.invoice", "ce-source": "/billing",
                   "ce-id": "invoice-" + self.headers["ce-id"], "content-type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(sys.argv[2], order, invoice))
        self.send_response(204)
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), App).serve_forever()
