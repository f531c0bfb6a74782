import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        data = self.rfile.read(int(self.headers["content-length"]))
        # One write: requests come at the same time.
        print(f'{self.headers["ce-type"]} {self.headers["ce-id"]} {data.decode()}\n', end="", flush=True)
        self.send_response(204)
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
