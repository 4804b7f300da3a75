# SPDX-License-Identifier: Apache-2.0
"""The control socket of a daemon, spoken from Python: reports handed in with their very bytes, and states asked for."""

import socket
import struct

from roadbook import messages

pb = messages()
control = messages("control")


class Refused(Exception):
    """Answered with a failure: nothing was kept."""

    def __init__(self, failed):
        super().__init__(failed.message)
        self.code = failed.exit_code


class Broken(Exception):
    """No answer. sent: whether the last request may have been heard."""

    def __init__(self, sent):
        super().__init__("no answer")
        self.sent = sent


class Desk:
    """One connection; opened anew after it broke."""

    def __init__(self, path, patience_s=30):
        self.path, self.patience_s = str(path), patience_s
        self.socket = None

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def read_exactly(self, n):
        got = b""
        while len(got) < n:
            piece = self.socket.recv(n - len(got))
            if not piece:
                raise OSError("closed")
            got += piece
        return got

    def replies(self):
        """Everything up to Done."""
        rows = []
        while True:
            length, = struct.unpack(">I", self.read_exactly(4))
            reply = control.ControlReply.FromString(self.read_exactly(length))
            kind = reply.WhichOneof("body")
            if kind == "failed":
                self.close()
                raise Refused(reply.failed)
            if kind == "done":
                return rows
            rows.append(getattr(reply, kind))

    def ask(self, *requests):
        """Sends the requests at once; the answer to the last."""
        packed = [request.SerializeToString() for request in requests]
        sent = False
        try:
            if not self.socket:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(self.patience_s)
                self.socket.connect(self.path)
            sent = True
            self.socket.sendall(b"".join(struct.pack(">I", len(p)) + p for p in packed))
            return self.replies()
        except OSError:
            self.close()
            raise Broken(sent) from None

    def hand_in(self, reports, name):
        """The ticket. Refused: not taken. Broken(sent=True): who knows."""
        begin = control.ControlRequest(submit_begin=control.SubmitBegin(file_name=name))
        commit = control.ControlRequest(submit_commit=control.SubmitCommit(reports=len(reports)))
        ticket, = self.ask(begin, *(control.ControlRequest(submit_report=r) for r in reports), commit)
        return ticket

    def status(self):
        """Names and values, as texts."""
        answer, = self.ask(control.ControlRequest(status=control.StatusRequest()))
        return {field.name: field.value for field in answer.fields}

    def verdicts(self):
        return self.ask(control.ControlRequest(verdicts=control.VerdictsRequest()))

    def outbox(self):
        return self.ask(control.ControlRequest(outbox=control.OutboxRequest(limit=0)))
