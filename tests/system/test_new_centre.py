# SPDX-License-Identifier: Apache-2.0
"""
The guide in deploy/new-centre, run word for word (document.py): two machines are set up from nothing, each in a folder that
stands for its root. What only a real machine has is stood in for here, and nothing else: packages and builds (what is
installed is what the tests run), users (sudo), systemd, which reads the units that were installed.
"""

import configparser
import json
import os
import pwd
import re
import signal

import psycopg
import pytest

from document import run_as_shown, steps_of
from tramtest import BIN, ROOT, Daemon, Postgres, answers, free_port, run, wait_until

FOLDER = ROOT / "deploy" / "new-centre"
ME = pwd.getpwuid(os.getuid()).pw_name
LOOKS = re.compile(r"(sudo )?tram (doctor|status|verdicts|rollup|verify|agents list)\b")
PLACES = re.compile(r"(?<![\w.])/(?=(etc|media|run|usr|var)\b)")
SUDO = """#!/bin/sh
if [ "$1" = -u ]; then export PGUSER=$2; shift 2; fi
exec "$@"
"""
# What a machine's programs take for granted of /etc, /run and /var, and the waits of a busy network.
FURTHER = {
    "tram-aggregator.conf": "control = /run/tram-aggregator/control\nfeed = ipc:///run/tram-aggregator/feed\n",
    "tram-agent.conf": "control = /run/tram-agent/control\ndirectory = /var/lib/tram-agent\n"
                       "reconnect = 20ms\nreconnect_max = 200ms\n",
}


CENTRE_FILES = ("/etc/postgresql/15/main/pg_ident.conf", "/etc/tram/tram-aggregator.conf")  # the others are the province's


class Machine:
    def __init__(self, folder, postgres, language, ports):
        self.root, self.postgres = folder, postgres
        self.home, self.ports, self.services = folder / "home", ports, {}
        for name in ("home", "bin", "etc/postgresql/15", "media", "run", "usr", "var/backups", "var/lib"):
            (folder / name).mkdir(parents=True)
        (folder / "media" / "usb").symlink_to(folder.parent / "usb")
        (folder / "etc" / "postgresql" / "15" / "main").symlink_to(postgres.data)
        (folder / "run" / "postgresql").symlink_to(postgres.run)
        (folder / "bin" / "sudo").write_text(SUDO)
        (folder / "bin" / "sudo").chmod(0o755)
        programs = [folder / "bin", folder / "usr" / "bin", folder / "usr" / "sbin", postgres.programs]
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("TRAM_", "PG"))} | {
            "PATH": ":".join([*map(str, programs), os.environ["PATH"]]), "TRAM_LANG": language, "LC_ALL": "C.UTF-8",
            "TRAM_ALLOW_ROOT": "yes", "PGHOST": str(postgres.run), "PGUSER": "nam",
            "TRAM_CENTRE": self.here("/etc/tram/tram-aggregator.conf"), "TRAM_AGENT_SOCKET": self.here("/run/tram-agent/control"),
        }

    def here(self, text):
        """A text of the document as it is in this test."""
        for port, own in self.ports.items():
            text = re.sub(rf"(\*|centre\.example\.vn):{port}\b", f"127.0.0.1:{own}", text)
            text = text.replace(f":{port}", f":{own}")
        return PLACES.sub(f"{self.root}/", text)

    def write(self, name, text):
        if name.endswith("pg_ident.conf"):  # all those people are whoever runs the tests
            text = re.sub(r"^(tram +)\w+", rf"\1{ME}", text, flags=re.M)
        path = self.root / name.lstrip("/") if name.startswith("/") else self.home / name
        path.write_text(self.here(text + FURTHER.get(path.name, "")) if name.startswith("/") else text, encoding="utf-8")

    def run(self, command, expected):
        for pattern, stand_in in STAND_INS:
            if (match := pattern.fullmatch(command)):
                stand_in(self, *match.groups())
                return
        command = re.sub(r"\btram doctor\b", "tram doctor --settings /etc/tram/tram-agent.conf", command)
        run_as_shown(self.here(command), self.here(expected), bool(LOOKS.match(command)), cwd=self.home,
                     env=self.environment)

    # ---------------------------------------------------------------- what stands in for a real machine

    def package_list(self, words):
        run([ROOT / "deploy" / "install-packages", *words.split(), "--list"])

    def preset(self, name):
        assert name in [preset["name"] for preset in json.loads((ROOT / "CMakePresets.json").read_text())["buildPresets"]]

    def preset_and_target(self, name, target):
        self.preset(name)
        assert f"add_custom_target({target} " in (ROOT / "CMakeLists.txt").read_text()

    def install(self):
        run(["cmake", "--install", BIN.parent, "--prefix", self.root / "usr"])

    def make_cluster(self):
        self.postgres.init()
        self.postgres.start()

    def reload_postgresql(self):
        def loaded_at():
            with psycopg.connect(self.postgres.conninfo("postgres")) as db:
                return db.execute("SELECT pg_conf_load_time()").fetchone()[0]
        before = loaded_at()
        self.postgres.daemon.send(signal.SIGHUP)
        wait_until(lambda: loaded_at() != before, "the settings of PostgreSQL")

    def start(self, name):
        """As the unit that was installed says."""
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read(self.root / "usr" / "lib" / "systemd" / "system" / f"{name}.service")
        service = unit["Service"]
        for folder in ("run", "var/lib"):
            (self.root / folder / name).mkdir(mode=0o700, exist_ok=True)
        environment = self.environment | dict([service["Environment"].split("=")] if "Environment" in service else [])
        run(self.here(service["ExecStartPre"]).split(), env=environment)
        self.services[name] = Daemon(self.root, name, self.here(service["ExecStart"]).split(), environment)
        self.services[name].start()

        def ready():
            assert self.services[name].running(), self.services[name].log()
            return answers(self.root / "run" / name / "control")
        wait_until(ready, name)

    def stop(self, name):
        assert self.services[name].stop() == 0, self.services[name].log()

    def restart(self, name):
        self.stop(name)
        self.start(name)


STAND_INS = [(re.compile(pattern), stand_in) for pattern, stand_in in (
    (r"(?:cd|git clone|git pull|sudo chown|sudo adduser|sudo systemd-sysusers)\b.*", lambda machine: None),
    (r"deploy/install-packages (.+)", Machine.package_list),
    (r"cmake --preset (\w+)", Machine.preset),
    (r"cmake --build --preset (\w+) --target (\w+)", Machine.preset_and_target),
    (r"sudo cmake --install build/release --prefix /usr", Machine.install),
    (r"sudo pg_createcluster 15 main --start -- --data-checksums", Machine.make_cluster),
    (r"sudo systemctl reload postgresql", Machine.reload_postgresql),
    (r"sudo systemctl (?:enable --now|start) (tram-\w+)", Machine.start),
    (r"sudo systemctl stop (tram-\w+)", Machine.stop),
    (r"sudo systemctl restart (tram-\w+)", Machine.restart),
)]


@pytest.mark.parametrize("name, language", [("README.md", "en"), ("README.vi.md", "vi")])
def test_every_command_prints_what_the_document_says(folder, session_folder, name, language):
    cluster = session_folder / f"centre-{language}"
    for made in (folder / "usb", cluster):
        made.mkdir()
    postgres = Postgres(cluster)
    ports = {"24600": free_port(), "24680": free_port()}
    machines = {where: Machine(folder / where, postgres, language, ports) for where in ("centre", "province")}
    commands = 0
    try:
        for step, what, text in steps_of(FOLDER / name):
            if step == "file":
                machines["centre" if what in CENTRE_FILES else "province"].write(what, text)
            else:
                machines[step].run(what, text)
                commands += 1
    finally:
        for machine in machines.values():
            for service in machine.services.values():
                service.discard()
        postgres.discard()
    assert commands >= 60
