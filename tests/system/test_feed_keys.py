# SPDX-License-Identifier: Apache-2.0
"""The feed over tcp://: whoever's key is listed hears it; whoever's is not hears nothing until it is."""

import contextlib
import json
import shutil
import threading

from test_roundtrip import Tail, ended_after
from tramtest import PATIENCE_S, free_port, wait_until


@contextlib.contextmanager
def something_happens(centre):
    """Again and again: the first is lost on a listener whose wish to hear has not arrived yet."""
    enough = threading.Event()

    def reload():
        while not enough.wait(0.1):
            centre.daemon.send(1)
    thread = threading.Thread(target=reload)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


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
        with something_happens(centre), tail("an") as known:
            heard = known.until("settings.reloaded")
        shutil.copy(tmp_path / "binh.pub", listed)
        with something_happens(centre):
            stranger.__enter__()
            with ended_after(stranger.process, PATIENCE_S):
                first = json.loads(stranger.process.stdout.readline())
        assert first["position"] > heard["position"]
