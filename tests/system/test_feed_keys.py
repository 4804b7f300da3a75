# SPDX-License-Identifier: Apache-2.0
"""The feed over tcp://: whoever's key is listed hears it; whoever's is not hears nothing until it is."""

import contextlib
import shutil
import signal

from test_roundtrip import Tail
from tramtest import free_port, wait_until


def test_who_is_listed_hears_the_feed_and_nobody_else(fleet, tmp_path):
    listed = tmp_path / "listed"
    listed.mkdir()
    centre = fleet.centre(start=False, feed=f"tcp://127.0.0.1:{free_port()}", feed_keys=listed)
    for name in ("an", "binh"):
        centre.tram("keys", "make", name, "--out", tmp_path / f"{name}.key")
    shutil.copy(tmp_path / "an.pub", listed)
    centre.start()

    def tail(name):
        return Tail(centre, "--key", tmp_path / f"{name}.key", "--centre-key", centre.key.with_suffix(".pub"))
    with contextlib.ExitStack() as ends:
        stranger = tail("binh")
        ends.push(stranger.__exit__)
        wait_until(lambda: any("ev=key.refused " in line and "domain=tram.feed" in line for line in centre.daemon.log().splitlines()),
                   "the door to turn it away")
        with tail("an") as known:
            heard = known.first
        shutil.copy(tmp_path / "binh.pub", listed)
        centre.daemon.send(signal.SIGHUP)  # who is listed is read anew
        with stranger:
            assert stranger.first["position"] > heard["position"]
