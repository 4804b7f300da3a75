# SPDX-License-Identifier: Apache-2.0
"""The demonstration as a newcomer runs it: 80 published figures, twice, with provinces missing, and stopped in mid-air."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_S = 1500


@pytest.fixture(scope="module")
def directory():
    path = pathlib.Path(tempfile.mkdtemp(prefix="tram-acceptance-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def demo(directory, *options):
    done = subprocess.run([ROOT / "deploy" / "demo", "--dir", directory, *options], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False,
                          env=dict(os.environ, TRAM_LANG="en"))
    assert not left_running(directory), "processes were left running"
    return done


def left_running(directory):
    """Processes whose command line names the directory."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(os.fsencode(f"{directory}/")) for word in words):
            found.append(b" ".join(words).decode(errors="replace"))
    return found


def test_once(directory):
    done = demo(directory, "--once")
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"\b79 equal\b.*\b1 held\b", done.stdout), done.stdout[-6000:]
    assert "63/63" in done.stdout


def test_a_second_start_sends_nothing_again(directory):
    done = demo(directory, "--once")
    assert done.returncode == 0, done.stdout[-6000:]
    assert "not sent again" in done.stdout
    assert re.search(r"\b79 equal\b.*\b1 held\b", done.stdout), done.stdout[-6000:]


def test_two_provinces_missing():
    path = pathlib.Path(tempfile.mkdtemp(prefix="tram-acceptance-", dir="/var/tmp"))
    path.chmod(0o755)
    try:
        done = demo(path, "--once", "--agents", "61")
        assert done.returncode == 0, done.stdout[-6000:]
        assert "provisional" in done.stdout and "61/63" in done.stdout
    finally:
        shutil.rmtree(path, ignore_errors=True)


def test_it_stays_up_until_it_is_told_to_stop(directory):
    process = subprocess.Popen([ROOT / "deploy" / "demo", "--dir", directory], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                               env=dict(os.environ, TRAM_LANG="en"))
    try:
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        else:
            raise AssertionError("ended by itself")
        assert len(left_running(directory)) > 64
        again = subprocess.run([ROOT / "deploy" / "demo", "--dir", directory, "--once"], capture_output=True, text=True,
                               check=False)
        assert again.returncode == 75  # one at a time
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=PATIENCE_S) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
    assert not left_running(directory)


@pytest.mark.parametrize("words", [["--agents", "0"], ["--agents", "64"], ["--agents", "x"], ["--wrong"],
                                   ["--dir", "/tmp/" + "x" * 100]])
def test_wrong_options(words):
    done = subprocess.run([ROOT / "deploy" / "demo", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 64 and done.stderr.startswith("demo: ")


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "precious").write_text("mine")
    done = subprocess.run([ROOT / "deploy" / "demo", "--dir", tmp_path], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 73
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]
