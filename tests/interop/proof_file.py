#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
A third person, who has two public keys and the text of PROTOCOL.md "Proof files": checks a receipt or a proof.

    proof_file.py FILE CENTRE.pub [AGENT.pub]
"""

import pathlib
import re
import sys
from types import SimpleNamespace

from roadbook import Keys, ack_bytes, batch_bytes, begin, blake2b, is_signed

LINE = 1000


class NotProven(Exception):
    def __init__(self, line, why):
        super().__init__(f"line {line}: {why}")


class Checker:
    def __init__(self, data, centre_keys, agent_key=None):
        self.data = data
        self.number = 0
        self.must(data.endswith(b"\n"), "the last line has no end")
        self.lines = data[:-1].split(b"\n")
        self.centre = {key.key_id.hex(): key for key in centre_keys}
        self.agent_key = agent_key

    def must(self, condition, why):
        if not condition:
            raise NotProven(self.number, why)

    def before(self):
        """All bytes before the line that was taken last."""
        return b"".join(line + b"\n" for line in self.lines[:self.number - 1])

    def peek(self):
        return self.lines[self.number] if self.number < len(self.lines) else b""

    def take(self, pattern):
        """The parts of the next line; \\d is a number, \\x a hexadecimal digit."""
        line = self.peek()
        self.number += 1
        self.must(len(line) <= LINE, "too long")
        pattern = pattern.replace(r"\d", r"0|[1-9][0-9]*").replace(r"\x", "[0-9a-f]")
        match = re.fullmatch(pattern.encode(), line)
        self.must(match, f"not {pattern}")
        return [part.decode() for part in match.groups()]

    def check(self):
        self.head()
        while self.through < self.last:
            self.entry()
        self.end()
        return SimpleNamespace(agent=self.agent, epoch=self.epoch, first=self.first, last=self.last, through=self.through,
                               at_us=self.at_us, digests=self.digests, reports=self.reports)

    def head(self):
        self.take("tram-proof-v1")
        while self.peek().startswith(b"#"):
            self.number += 1
            self.peek().decode("utf-8")
        (self.agent,) = self.take("agent ([a-z0-9][a-z0-9-]{0,63})")
        self.must(not self.agent_key or self.agent_key.name == self.agent, "another agent's key")
        (epoch,) = self.take(r"epoch (\x{32})")
        self.epoch = bytes.fromhex(epoch)
        self.first, self.last = map(int, self.take(r"reports (\d) (\d)"))
        self.must(1 <= self.first <= self.last < 1 << 40, "a strange range")
        (prev,) = self.take(r"before (\x{64})")
        self.prev = self.chain = bytes.fromhex(prev)
        self.seq, self.through = self.first - 1, 0
        self.digests, self.reports = {}, {}

    def entry(self):
        if self.peek().startswith(b"ack "):
            return self.ack()
        word = "report" if self.seq < self.last else "link"
        seq, digest = self.take(word + r" (\d) (\x{64})")
        self.seq += 1
        self.must(int(seq) == self.seq, f"{self.seq} is missing")
        self.chain = blake2b(self.chain + bytes.fromhex(digest))
        if self.seq == self.last:
            self.chain_at_last = self.chain
        if word == "report":
            self.digests[self.seq] = digest
            self.bytes_of(digest)

    def bytes_of(self, digest):
        pieces = []
        while self.peek().startswith(b"bytes "):
            (piece,) = self.take(r"bytes ((?:\x\x){1,48})")
            self.must(not pieces or len(pieces[-1]) == 96, "a short line before")
            pieces.append(piece)
        if self.seq > self.first:
            self.must(bool(pieces) == bool(self.reports), "bytes in some reports only")
        if pieces:
            report = bytes.fromhex("".join(pieces))
            self.must(blake2b(report).hex() == digest, "the bytes are not those of the digest")
            self.reports[self.seq] = report

    def ack(self):
        seq, chain, at_us, key, signature = self.take(r"ack (\d) (\x{64}) (-?(?:\d)) (\x{16}) (\x{128})")
        self.must(int(seq) == self.seq and self.seq > max(self.through, self.first - 1), "not in its place")
        self.must(key in self.centre and self.centre[key].name != self.agent, "not by a key of the centre")
        signed = ack_bytes(self.agent, self.epoch, self.seq, bytes.fromhex(chain), int(at_us))
        self.must(is_signed(self.centre[key].sign_public, signed, bytes.fromhex(signature)), "the centre did not sign that")
        self.must(chain == self.chain.hex(), "the digests do not lead there")
        self.through, self.at_us = self.seq, int(at_us)

    def signature(self, word, signed):
        key, signature = self.take(word + r" (\x{16}) (\x{128})")
        if self.agent_key:
            self.must(key == self.agent_key.key_id.hex(), "another key of the agent")
            self.must(is_signed(self.agent_key.sign_public, signed(), bytes.fromhex(signature)), "the agent did not sign that")

    def end(self):
        self.signature("batch", lambda: batch_bytes(self.agent, self.epoch, self.first, self.last, self.prev,
                                                    self.chain_at_last))
        self.signature("seal", lambda: begin(b"tram-proof-v1", self.agent, self.epoch) + blake2b(self.before()))
        (said,) = self.take(r"sum (\x{64})")
        self.must(said == blake2b(self.before()).hex(), "the sum is another")
        self.must(self.number == len(self.lines), "something follows")


def check(data, centre_keys, agent_key=None):
    """What is proven; raises NotProven."""
    return Checker(data, centre_keys, agent_key).check()


def main(file, centre, agent=None):
    try:
        found = check(pathlib.Path(file).read_bytes(), [Keys.read(centre)], Keys.read(agent) if agent else None)
    except NotProven as error:
        sys.exit(f"NOT PROVEN: {error}")
    print(f"PROVEN: reports {found.first} to {found.last} of {found.agent}/{found.epoch.hex()}, acknowledged through "
          f"{found.through} at {found.at_us} us")


if __name__ == "__main__":
    main(*sys.argv[1:])
