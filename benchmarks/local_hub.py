"""A model hub of one file on this machine, as fast as the kernel sends it.

python -m benchmarks.local_hub FILE     prints its port, then serves until it is ended
"""

import hashlib
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REPOSITORY = "owner/file"
NAME = "file-Q8_0.gguf"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PATH = f"/{REPOSITORY}/resolve/{COMMIT}/{NAME}"
_PIECE_BYTES = 4 * 1024 * 1024


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    file: Path
    listing: bytes

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.listing)))
            self.end_headers()
            self.wfile.write(self.listing)
        else:
            self._send_file()

    def _send_file(self) -> None:
        size = self.file.stat().st_size
        asked = self.headers.get("Range")
        first, _, last = (asked or "bytes=0-").removeprefix("bytes=").partition("-")
        begin, end = int(first), int(last) + 1 if last else size
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        self.wfile.flush()
        with self.file.open("rb") as file:
            while begin < end:
                count = min(_PIECE_BYTES, end - begin)
                begin += os.sendfile(self.connection.fileno(), file.fileno(), begin, count)

    def log_message(self, *arguments: object) -> None:
        pass


def main() -> None:
    file = Path(sys.argv[1])
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    lfs = {"sha256": digest, "size": file.stat().st_size}
    _Handler.file = file
    _Handler.listing = json.dumps(
        {"sha": COMMIT, "siblings": [{"rfilename": NAME, "lfs": lfs}]}
    ).encode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
