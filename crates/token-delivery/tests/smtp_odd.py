"""An SMTP server that answers as it is told, in a process of its own.

The first line of standard input is JSON: an answer for each beginning of a command, `connect` for the greeting and `message`
for a whole message; bytes are written as the characters of Latin-1 (ISO 8859-1). The longest beginning that fits decides, and
`250 ok` where none does. It prints its port, and then each command that it hears. Ends when standard input closes.
"""
import json
import os
import socketserver
import sys
import threading

answers = json.loads(sys.stdin.readline())
printing = threading.Lock()


def answer(asked, default):
    fits = [start for start in answers if asked.upper().startswith(start.upper())]
    return (answers[max(fits, key=len)] if fits else default).encode("latin-1")


class Visit(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(answer("connect", "220 test\r\n"))
        for line in self.rfile:
            asked = line.decode("latin-1").rstrip("\r\n")
            with printing:
                print(asked, flush=True)
            if asked == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            reply = answer(asked, "354 go on\r\n" if asked == "DATA" else "250 ok\r\n")
            self.wfile.write(reply)
            if reply.startswith(b"354"):
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                self.wfile.write(answer("message", "250 taken\r\n"))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Visit) as server:
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)
