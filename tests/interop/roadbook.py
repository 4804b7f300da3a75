# SPDX-License-Identifier: Apache-2.0
"""What both ends of the road need, as PROTOCOL.md has it: messages, keys (section 3), hashes and signatures (section 7)."""

import functools
import hashlib
import importlib
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import zmq
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


@functools.lru_cache(maxsize=None)
def messages(name="tram"):
    """The module that protoc makes of tram.proto (or of another that builds on it), made anew in a folder of its own."""
    if name != "tram":
        messages()
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["protoc", f"--proto_path={PROTO}", f"--python_out={out}", f"{name}.proto"], check=True)
        sys.path.insert(0, out)
        try:
            return importlib.import_module(f"{name}_pb2")
        finally:
            sys.path.remove(out)


# ---------------------------------------------------------------- hashes and signatures

def blake2b(data, size=32):
    return hashlib.blake2b(data, digest_size=size).digest()


def begin(domain, agent, epoch):
    return domain + bytes([len(agent)]) + agent.encode("ascii") + epoch


def chain_0(agent, epoch, previous_chain=b""):
    return blake2b(begin(b"tram-chain-v1", agent, epoch) + previous_chain)


def chain_next(chain, report):
    return blake2b(chain + blake2b(report))


def batch_bytes(agent, epoch, first_seq, last_seq, prev_chain, chain):
    return begin(b"tram-batch-v1", agent, epoch) + struct.pack(">QQ", first_seq, last_seq) + prev_chain + chain


def ack_bytes(agent, epoch, committed_through, chain, committed_at_us):
    return (begin(b"tram-ack-v1", agent, epoch) + struct.pack(">Q", committed_through) + chain
            + struct.pack(">q", committed_at_us))


def is_signed(public_key, data, signature):
    try:
        VerifyKey(public_key).verify(data, signature)
        return True
    except (BadSignatureError, ValueError):
        return False


# ---------------------------------------------------------------- keys

class Keys:
    """The two key pairs of an agent or of the centre; of a .pub file, only the public halves."""

    def __init__(self, name, curve_public, sign_public, curve_secret=None, seed=None):
        self.name, self.curve_public, self.sign_public = name, curve_public, sign_public
        self.curve_secret = curve_secret
        self.signing = SigningKey(seed) if seed else None

    @property
    def key_id(self):
        return blake2b(self.sign_public)[:8]

    def sign(self, data):
        return self.signing.sign(data).signature

    @classmethod
    def make(cls, name):
        curve_public, curve_secret = zmq.curve_keypair()
        seed = os.urandom(32)
        return cls(name, curve_public, bytes(SigningKey(seed).verify_key), curve_secret, seed)

    @classmethod
    def read(cls, path):
        fields = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", pathlib.Path(path).read_text("utf-8"), re.MULTILINE))
        if fields.get("kind") not in ("tram-public-keys-v1", "tram-secret-keys-v1"):
            raise ValueError(f"{path} is no key file")
        secret = fields["kind"] == "tram-secret-keys-v1"
        return cls(fields["name"], fields["curve_public"].encode(), bytes.fromhex(fields["sign_public"]),
                   fields["curve_secret"].encode() if secret else None,
                   bytes.fromhex(fields["sign_secret"])[:32] if secret else None)

    def write(self, secret_path):
        secret_path = pathlib.Path(secret_path)
        public = f"name = {self.name}\ncurve_public = {self.curve_public.decode()}\n"
        sign_public = f"sign_public = {self.sign_public.hex()}\n"
        secret_path.with_suffix(".pub").write_text(f"kind = tram-public-keys-v1\n{public}{sign_public}", "utf-8")
        secret_path.touch(0o600, exist_ok=False)
        secret_path.write_text(f"kind = tram-secret-keys-v1\n{public}curve_secret = {self.curve_secret.decode()}\n"
                               f"{sign_public}sign_secret = {bytes(self.signing).hex()}{self.sign_public.hex()}\n", "utf-8")
        return self
