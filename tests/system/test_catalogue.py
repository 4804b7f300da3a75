# SPDX-License-Identifier: Apache-2.0
"""A new catalogue while everything runs: words and rules that only data know, and what may not be taken away."""

import json
import shutil

import pytest

from test_roundtrip import Tail
from tramtest import POPULATION, ROOT, csv_text, wait_until



class Catalogue:
    """A copy of the shipped files, to be changed and loaded."""

    def __init__(self, folder):
        self.folder = folder / "copy"
        shutil.copytree(ROOT / "deploy/catalogue", self.folder / "catalogue")
        shutil.copytree(ROOT / "deploy/registry", self.folder / "registry")

    def path(self, name):
        return self.folder / "catalogue" / name

    def change(self, name, old, new):
        text = self.path(name).read_text(encoding="utf-8")
        assert old in text, f"{old} is not in {name}"
        self.path(name).write_text(text.replace(old, new, 1), encoding="utf-8")

    def add(self, name, line):
        with open(self.path(name), "a", encoding="utf-8") as f:
            f.write(line + "\n")

    def add_a_word(self):
        """thống nhất: two sources agree. One comparison of the shipped files becomes its rule."""
        self.add("words.csv", "thong_nhat,5,thống nhất,unified,1")
        self.add("rules.csv", "THONG-01,thong_nhat,J,1,,,,Các nguồn thống nhất,Sources agree,Hai nguồn nói khác nhau,"
                              "Two sources differ,Đối chiếu hai nguồn,Compare both sources")
        self.change("cross_rules.csv", "psp_new_accounts_within_total,DUNG-11", "psp_new_accounts_within_total,THONG-01")


@pytest.fixture
def catalogue(folder):
    return Catalogue(folder)


def accounts(period, day, new):
    """New accounts that are within all accounts or, if they are more than 100, not."""
    rows = [{"indicator": indicator, "value": str(value), "unit": "account", "unit_mult": "0", "obs_status": "A",
             "ref_area": "63/46", "qualifier": "exact"}
            for indicator, value in (("psp_registered_accounts", 100), ("psp_new_accounts", new))]
    return csv_text(*rows, dataflow="public_services_province", time_period=period, reference_date=day,
                    reason="Nạp số liệu cũ")


def half_years(first, last):
    """Each with its last days, once it is over."""
    return [(f"{year}-S{half}", f"{year}-{month}-14") for year in range(first, last + 1) for half, month in ((1, "06"), (2, "12"))]


def version_of(agent):
    return int(agent.json("status")["catalogue_version"])


def raised(verdict):
    return {finding["rule"] for finding in verdict["findings"]}


def test_a_fifth_word_is_data(agent, centre, catalogue):
    agent.submit(accounts("2023-S1", "2023-06-14", 200))
    (old,) = agent.wait_for_verdicts(1)
    assert "DUNG-11" in raised(old) and list(old["words"]) == ["dung", "du", "sach", "song"]

    catalogue.add_a_word()
    done = centre.tram("catalogue", "diff", catalogue.folder, "--format", "json", check=False)
    changes = {(c["file"], c["change"]) for c in json.loads(done.stdout)}
    assert {("words.csv", "+"), ("rules.csv", "+"), ("cross_rules.csv", "-"), ("cross_rules.csv", "+")} == changes
    centre.tram("catalogue", "load", catalogue.folder)
    wait_until(lambda: version_of(agent) == 2, "the agent's second codebook, without a restart")

    with Tail(centre, "--word", "thống nhất", listens=False) as tail:
        assert not any("none of the four words" in words for words in tail.words)  # the centre has it
        for n, period in enumerate(half_years(2021, 2022), start=2):  # what happens before the feed hears it is lost on it
            agent.submit(accounts(*period, 300))
            new = agent.wait_for_verdicts(n)[-1]
            if event := tail.next(30):
                break
        assert event, "the feed told of none of four reports"
        assert event["word"] == "thong_nhat"
        event = tail.until("observation.held", event)
    assert event["word"] == "thong_nhat"
    assert "THONG-01" in raised(new) and "DUNG-11" not in raised(new)
    assert list(new["words"]) == ["dung", "du", "sach", "song", "thong_nhat"] and new["words"]["thong_nhat"] == "held"
    for language, name, message in (("vi", "THỐNG NHẤT", "Hai nguồn nói khác nhau"), ("en", "UNIFIED", "Two sources differ")):
        shown = agent.tram("verdicts", language=language).stdout
        assert name in shown and message in shown
    checked = agent.tram("check", agent.file(accounts("2024-S1", "2024-06-14", 300)), check=False)
    assert "THONG-01" in checked.stdout and "UNIFIED" in checked.stdout

    assert centre.sql("SELECT length(words) FROM tram.verdict ORDER BY verdict_seq") == [(4,), *[(5,)] * (n - 1)]
    assert centre.value("SELECT word FROM tram.finding WHERE rule = 'THONG-01'") == "thong_nhat"
    assert ("thong_nhat",) in centre.sql("SELECT DISTINCT word FROM tram.scoreboard")
    (rule,) = [row for row in centre.json("rules", "list") if row["rule"] == "THONG-01"]
    assert (rule["word"], rule["severity"], rule["built_in"], rule["remedy"]) == ("thong_nhat", "J", None, "Compare both sources")
    assert "unified" in centre.tram("rules", "list").stdout


def test_severity_and_dates_of_a_rule_are_data(agent, centre, catalogue):
    """Refused until 2023, then warned of: by the date that the figures speak of."""
    line = next(line for line in catalogue.path("rules.csv").read_text(encoding="utf-8").splitlines()
                if line.startswith("DUNG-11,"))
    catalogue.change("rules.csv", line, "DUNG-11,dung,W,1,related,2023-07-01,,,,,,,")
    centre.tram("catalogue", "load", catalogue.folder)
    wait_until(lambda: version_of(agent) == 2, "the second codebook")
    agent.submit(accounts("2023-S1", "2023-06-14", 200))
    agent.submit(accounts("2023-S2", "2023-12-14", 200))
    first, second = agent.wait_for_verdicts(2)
    assert "DUNG-11" not in raised(first)
    (finding,) = [f for f in second["findings"] if f["rule"] == "DUNG-11"]
    assert finding["severity"] == "warn"
    assert "warning (program: held)" in centre.tram("rules", "list").stdout


def test_what_is_stored_keeps_its_names(agent, centre, catalogue):
    """Nothing that figures, reports or verdicts name can be dropped; nothing of a refused load stays behind."""
    agent.submit(accounts("2023-S1", "2023-06-14", 50))
    agent.wait_for_verdicts(1)
    before = centre.sql("SELECT * FROM tram.word ORDER BY word_no")
    for name, old, new, said in (
            ("providers.csv", "P63-46,", "P63-99,", "providers.csv P63-46"),
            ("words.csv", "song,4,sống,live,1", "live,4,sống,live,1", "word 'song'"),
            ("words.csv", "du,2,", "du,3,", "no 3")):
        kept = catalogue.path(name).read_text(encoding="utf-8")
        catalogue.change(name, old, new)
        done = centre.tram("catalogue", "load", catalogue.folder, check=False)
        assert done.returncode == 65 and said in done.stderr, (name, done.stderr)
        catalogue.path(name).write_text(kept, encoding="utf-8")
    assert centre.sql("SELECT * FROM tram.word ORDER BY word_no") == before
    assert centre.value("SELECT max(version) FROM tram.catalogue") == 1
    # two words change places: each file is sound, and what is stored would say something else
    catalogue.change("words.csv", "du,2,đủ", "sach,2,sạch")
    catalogue.change("words.csv", "sach,3,sạch", "du,3,đủ")
    assert "words.csv du sach" in centre.tram("catalogue", "load", catalogue.folder, check=False).stderr


def test_an_indicator_in_use_is_retired_and_not_dropped(agent, centre, catalogue):
    line = ("psp_extra,public_services_province,x,x,count,account,x,0,0,y,0,,flow,sum,sum,,,,,,S,n,400,,2021-01-01,{},,,")
    catalogue.add("indicators.csv", line.format(""))
    centre.tram("catalogue", "load", catalogue.folder)
    wait_until(lambda: version_of(agent) == 2, "the second codebook")
    agent.submit(csv_text({"indicator": "psp_extra", "value": "5", "unit": "account", "unit_mult": "0", "obs_status": "A",
                           "ref_area": "63/46", "qualifier": "exact"}, dataflow="public_services_province",
                          time_period="2023-S1", reference_date="2023-06-14"))
    agent.wait_for_verdicts(1)
    catalogue.change("indicators.csv", line.format("") + "\n", "")
    done = centre.tram("catalogue", "load", catalogue.folder, check=False)
    assert done.returncode == 65 and "indicators.csv psp_extra" in done.stderr
    catalogue.add("indicators.csv", line.format("2023-12-31"))
    centre.tram("catalogue", "load", catalogue.folder)
    assert centre.sql("SELECT indicator, value FROM tram.observation_current") == [("psp_extra", 5)]


def test_a_decision_speaks_in_the_words_of_the_catalogue_that_judged(agent, centre, catalogue):
    """A rule moves to another word, and back while a figure is held by it."""
    shipped = catalogue.path("rules.csv").read_text(encoding="utf-8")
    catalogue.change("rules.csv", "SACH-06,sach,", "SACH-06,dung,")
    centre.tram("catalogue", "load", catalogue.path("."))
    wait_until(lambda: version_of(agent) == 2, "the second catalogue")
    agent.submit(csv_text(POPULATION | {"value": "999999"}))
    (held,) = agent.wait_for_verdicts(1)
    assert (held["words"]["dung"], held["words"]["sach"]) == ("held", "pass")
    catalogue.path("rules.csv").write_text(shipped, encoding="utf-8")
    centre.tram("catalogue", "load", catalogue.path("."))
    (row,) = centre.json("quarantine", "list")
    centre.tram("quarantine", "release", row["id"], "--reason", "đúng", "--by", "An")
    released = wait_until(lambda: len(rows := agent.verdicts()) > 1 and rows[-1], "the verdict of the decision")
    assert (released["words"]["dung"], released["words"]["sach"]) == ("warn", "pass")
