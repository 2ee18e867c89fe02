"""The program of pods that answer with the name that they are given: HTTP on 8080, gRPC (linnet.Test/Who) on 8081.

gRPC's library is in the example's image, not among the project's own dependencies.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc

NAME = sys.argv[1].encode()


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(NAME)))
        self.end_headers()
        self.wfile.write(NAME)

    def log_message(self, *_: object) -> None:
        return


who = grpc.unary_unary_rpc_method_handler(lambda _request, _context: NAME)
calls = grpc.server(ThreadPoolExecutor(8))
calls.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("linnet.Test", {"Who": who}),))
calls.add_insecure_port("0.0.0.0:8081")
calls.start()
ThreadingHTTPServer(("", 8080), Answer).serve_forever()
