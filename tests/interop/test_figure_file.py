# SPDX-License-Identifier: Apache-2.0
"""The proof of a figure, read by a program that has nothing but the text of PROTOCOL.md."""

import pytest

import figure_file
from proof_file import NotProven
from test_proof_file import GOLDEN, golden_keys, tram


def test_golden(tmp_path):
    centre, agent = golden_keys()
    data = (GOLDEN / "v1_figure.tram-figure").read_bytes()
    found = figure_file.check(data, [centre, agent])
    assert [f.value for f in found.figures] == ["48.3632726502963592", "620.5", "12.8299837045084193"]
    assert len(found.reports) == 3
    for at in range(0, len(data), 7):
        forged = bytearray(data)
        forged[at] ^= 1 << at % 8
        with pytest.raises((NotProven, ValueError)):
            figure_file.check(bytes(forged), [centre])
    with pytest.raises(NotProven):
        figure_file.check(data, [agent])


def test_golden_by_the_real_program(tmp_path):
    for key in golden_keys():
        (tmp_path / f"{key.name}.pub").write_text(f"kind = tram-public-keys-v1\nname = {key.name}\ncurve_public = {'k' * 40}\n"
                                                  f"sign_public = {key.sign_public.hex()}\n", "utf-8")
    said = tram("verify", "--proof", GOLDEN / "v1_figure.tram-figure", "--key", tmp_path / "centre.pub", "--key",
                tmp_path / "agent-63-46.pub")
    assert said.startswith(b"PROVEN") and b"48.3632726502963592" in said
