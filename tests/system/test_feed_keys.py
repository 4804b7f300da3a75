# SPDX-License-Identifier: Apache-2.0
"""The feed over tcp://: whoever's key is listed hears it; whoever's is not hears nothing until it is."""

import contextlib
import shutil
import signal

from test_roundtrip import Tail, ended_after
from tramtest import PATIENCE_S, free_port, wait_until


def said(tail, phrase):
    """The line on its stderr that says it."""
    with ended_after(tail.process, PATIENCE_S):
        return next((line for line in tail.process.stderr if phrase in line), f"it ended without: {phrase}")


def feed_over_tcp(fleet, tmp_path, *names):
    """A centre that is not started, keys of these names, and the folder that lists the first's."""
    listed = tmp_path / "listed"
    listed.mkdir()
    centre = fleet.centre(start=False, feed=f"tcp://127.0.0.1:{free_port()}", feed_keys=listed)
    for name in names:
        centre.tram("keys", "make", name, "--out", tmp_path / f"{name}.key")
    shutil.copy(tmp_path / f"{names[0]}.pub", listed)
    return centre, listed


def test_who_waits_is_told_whether_anybody_is_there_and_whose_key_is_wrong(fleet, tmp_path):
    centre, _ = feed_over_tcp(fleet, tmp_path, "an", "other")
    with contextlib.ExitStack() as ends:
        def tail(centre_key):
            begun = Tail(centre, "--key", tmp_path / "an.key", "--centre-key", centre_key)
            ends.push(begun.__exit__)
            return begun
        early = tail(centre.key.with_suffix(".pub"))
        assert f"nobody at {centre.settings['feed']}" in said(early, "nobody")
        centre.start()
        assert f"listening to {centre.settings['feed']}" in said(early, "listening")
        assert f"most likely {tmp_path}/other.pub is not this centre's key" in said(tail(tmp_path / "other.pub"), "hung up")


def test_who_is_listed_hears_the_feed_and_nobody_else(fleet, tmp_path):
    centre, listed = feed_over_tcp(fleet, tmp_path, "an", "binh")
    centre.start()

    def tail(name):
        return Tail(centre, "--key", tmp_path / f"{name}.key", "--centre-key", centre.key.with_suffix(".pub"))
    with contextlib.ExitStack() as ends:
        stranger = tail("binh")
        ends.push(stranger.__exit__)
        wait_until(lambda: any("ev=key.refused " in line and "domain=tram.feed" in line for line in centre.daemon.log().splitlines()),
                   "the door to turn it away")
        told = said(stranger, "does not let in")
        fingerprint = centre.json("keys", "show", tmp_path / "binh.pub")["fingerprint"]
        assert f"the key of binh ({fingerprint})" in told and "feed_keys" in told, told
        with tail("an") as known:
            heard = known.first
        shutil.copy(tmp_path / "binh.pub", listed)
        centre.daemon.send(signal.SIGHUP)  # who is listed is read anew
        with stranger:
            assert stranger.first["position"] > heard["position"]
