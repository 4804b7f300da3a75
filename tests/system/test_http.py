# SPDX-License-Identifier: Apache-2.0
"""Figures over HTTP: what is answered, what is refused and how, and that it never hinders or outlives what it must not."""

import http.client
import json
import re
import socket
import sys
import threading
import urllib.parse
import urllib.request

import jsonschema
import pytest
from fleet import Fleet
from prometheus_client.openmetrics import parser
from tramtest import PATIENCE_S, POPULATION, ROOT, csv_text, free_port, wait_until


class Reply:
    def __init__(self, answer):
        self.status, self.body = answer.status, answer.read()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}

    def json(self):
        return json.loads(self.body)

    def __getitem__(self, name):
        return self.headers.get(name)


class Client:
    """One connection that is kept."""

    def __init__(self, centre):
        host, port = centre.json("status", "--centre", centre.conf)["http"].rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)

    def __call__(self, path, method="GET", headers=None, body=None, **parameters):
        address = path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
        self.connection.request(method, address, headers=headers or {}, body=body)
        return Reply(self.connection.getresponse())

    def raw(self, request):
        """The bytes that come back on a connection of its own, until it is closed."""
        with socket.create_connection((self.connection.host, self.connection.port), timeout=PATIENCE_S) as s:
            s.sendall(request)
            return b"".join(iter(lambda: s.recv(65536), b""))


def centre_with_http(fleet, **settings):
    return fleet.centre(**{"http": "127.0.0.1:0", "http_time": "10min"} | settings)


@pytest.fixture
def centre(fleet):
    return centre_with_http(fleet)


@pytest.fixture
def get(centre):
    return Client(centre)


@pytest.fixture
def reported(agent):
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    return agent


def test_figures_are_those_of_the_command(centre, reported, get):
    for level in ("nation", "region", "province"):
        shown = json.loads(centre.tram("rollup", "population", "--period", "2024", "--level", level, "--format", "json").stdout)
        said = get("/api/v1/rollups", indicator="population", period="2024", level=level, headers={"Accept-Language": "en"})
        assert said.status == 200 and said["content-type"].startswith("application/json")
        assert shown and said.json() == shown
    assert get("/api/v1/rollups", indicator="population", period="2024").json()[0]["value"] == "1178600"
    as_csv = get("/api/v1/rollups", indicator="population", format="csv")
    assert as_csv["content-type"].startswith("text/csv") and as_csv.body.startswith(b"area,area_name,indicator,time_period,value")
    by_header = get("/api/v1/rollups", indicator="population", headers={"Accept": "text/html;q=0.9, text/csv;q=0.5"})
    assert by_header.body == as_csv.body


def test_a_past_moment(centre, reported, get):
    before = centre.value("SELECT min(known_at) - interval '1 second' FROM tram.observation").isoformat()
    then = get("/api/v1/rollups", indicator="population", period="2024", asOf=before).json()
    assert [(row["value"], row["areas_reporting"]) for row in then] == [(None, 0)]
    now = centre.value("SELECT to_char(greatest(clock_timestamp(), max(known_at)) AT TIME ZONE 'Asia/Ho_Chi_Minh', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
                       " FROM tram.observation")
    for plain in (now + "+07:00", now):
        unescaped = get(f"/api/v1/rollups?indicator=population&period=2024&asOf={plain}").json()
        assert unescaped[0]["value"] == "1178600", plain


def test_a_moment_that_has_not_come(centre, reported, get):
    def clock(shift, form="YYYY-MM-DD\"T\"HH24:MI:SS"):
        return centre.value("SELECT to_char(clock_timestamp() AT TIME ZONE 'Asia/Ho_Chi_Minh' + %s::interval, %s)", shift, form)
    for path, parameter in (("/api/v1/rollups", "asOf"), ("/api/v1/rollups", "updatedAfter"), ("/api/v1/scoreboard", "asOf"),
                            ("/api/v1/changes", "since"), ("/api/v1/explain/population/2024", "asOf")):
        for ahead in (clock("1 day"), clock("1 hour"), clock("2 days", "YYYY-MM-DD")):
            for language, said in (("en", "which has not come yet: it is now 2"), ("vi", "là thời điểm chưa đến: bây giờ là 2")):
                reply = get(path, headers={"Accept-Language": language}, **{parameter: ahead})
                problem = reply.json()
                assert (reply.status, problem["type"], problem["parameter"]) == (400, "urn:tram:problem:moment-not-come", parameter)
                assert said in problem["detail"] and ahead in problem["detail"] and parameter in problem["remedy"], problem
        for has_come in (clock("0"), clock("0", "YYYY-MM-DD"), clock("-1 day")):
            reply = get(path, **{parameter: has_come})
            assert reply.status in (200, 404), (path, has_come, reply.body)  # 404: nothing of it was known yet
    assert get("/api/v1/scoreboard", **{"from": "2099-01-01", "to": "2099-12-31"}).status == 200
    assert get("/api/v1/rollups", boundary="2099-12-31", indicator="population").status == 200


def test_lists(centre, reported, get):
    indicators = get("/api/v1/indicators").json()
    assert [row["indicator"] for row in indicators] == [
        row[0] for row in centre.sql('SELECT indicator FROM tram.indicator ORDER BY indicator COLLATE "C"')]
    assert {"population", "person"} <= set(next(row for row in indicators if row["indicator"] == "population").values())
    areas = get("/api/v1/areas").json()
    assert len(areas) == centre.value("SELECT count(*) FROM tram.area")
    assert [(row["level"], row["name_vi"]) for row in areas if row["area"] == "63/46"] == centre.sql(
        "SELECT level, name_vi FROM tram.area WHERE area = '63/46'")
    claims = json.loads(centre.tram("claims", "check", "--format", "json", check=False).stdout)
    assert claims and get("/api/v1/claims").json() == claims
    board = get("/api/v1/scoreboard", area="46").json()
    assert [row["area"] for row in board] == ["VN", "63/46"]


def test_what_did_not_change_is_not_sent_again(centre, reported, get):
    ask = {"indicator": "population", "period": "2024"}
    first = get("/api/v1/rollups", **ask)
    tag = first["etag"]
    assert tag.startswith('"') and get("/api/v1/rollups", **ask)["etag"] == tag
    for listed in (tag, f'"other", {tag}', f"W/{tag}", "*", f'"a,{"b" * 300}" , {tag}'):
        again = get("/api/v1/rollups", headers={"If-None-Match": listed}, **ask)
        assert (again.status, again.body, again["etag"]) == (304, b"", tag), listed
    for listed in ('"other"', tag[1:-1], f'"x{tag[1:]}'):
        assert get("/api/v1/rollups", headers={"If-None-Match": listed}, **ask).status == 200, listed
    assert get("/api/v1/rollups", format="csv", **ask)["etag"] != tag
    reported.submit(csv_text(POPULATION | {"value": "1178601"}, purpose="correction", reason="Đếm lại"), name="again.csv")
    reported.wait_for_verdicts(2)
    changed = get("/api/v1/rollups", headers={"If-None-Match": tag}, **ask)
    assert changed.status == 200 and changed.json()[0]["value"] == "1178601" and changed["etag"] != tag


def test_a_message_that_says_when_it_was_made_keeps_its_tag(centre, reported, get):
    ask = {"indicator": "population", "period": "2024", "format": "sdmx-json"}
    first = get("/api/v1/rollups", **ask)
    with centre.postgres.connect(centre.database) as db:
        db.execute("CREATE TABLE something_else (x int)")  # the store is in another state, and no figure moved
    again = get("/api/v1/rollups", **ask)
    assert (again["etag"], again.body) == (first["etag"], first.body)
    correct(reported, 1)
    reported.wait_for_verdicts(2)
    changed = get("/api/v1/rollups", **ask)
    assert changed["etag"] != first["etag"] and changed.json()["meta"]["prepared"] > first.json()["meta"]["prepared"]


def test_head_is_get_without_the_body(reported, get):
    whole = get("/api/v1/rollups", indicator="population")
    head = get("/api/v1/rollups", "HEAD", indicator="population")
    assert head.body == b"" and head["content-length"] == str(len(whole.body))
    for name in ("etag", "content-type", "vary", "x-content-type-options"):
        assert head[name] == whole[name] is not None


PROBLEMS = [
    ("/api/v1/rollup", 404, "no-such-route", None),
    ("/api/v1/rollups?indicator=nothing", 404, "unknown-indicator", "indicator"),
    ("/api/v1/rollups?indicator=%27%3BDROP", 400, "bad-value", "indicator"),
    ("/api/v1/rollups?period=2024-13", 400, "bad-value", "period"),
    ("/api/v1/rollups?level=city", 400, "bad-value", "level"),
    ("/api/v1/rollups?boundary=64", 400, "bad-value", "boundary"),
    ("/api/v1/rollups?asOf=yesterday", 400, "bad-value", "asOf"),
    ("/api/v1/rollups?asOf=", 400, "bad-value", "asOf"),
    ("/api/v1/rollups?asOf=9999-12-31", 400, "moment-not-come", "asOf"),
    ("/api/v1/rollups?level=nation&level=nation", 400, "repeated-parameter", "level"),
    ("/api/v1/rollups?indicators=population", 400, "unknown-parameter", "indicators"),
    ("/api/v1/rollups?format=xml", 400, "bad-value", "format"),
    ("/api/v1/indicators?level=nation", 400, "unknown-parameter", "level"),
    ("/api/v1/rollups?indicator=population%00x", 400, "malformed-address", None),
    ("/api/v1/rollups%", 400, "malformed-address", None),
    ("/api/v1/rollups?indicator=" + "a" * 3000, 414, "uri-too-long", None),
    ("/api/v1/rollups?indicator=population&period=2025&boundary=63", 422, "not-to-be-had", None),
    ("/api/v1/rollups?open=yes", 400, "bad-value", "open"),
    ("/api/v1/changes?since=c000000000000000000", 400, "bad-value", "since"),
    ("/api/v1/changes?indicator=nothing", 404, "unknown-indicator", "indicator"),
    ("/api/v1/changes?indicator=population&period=2025&boundary=63", 422, "not-to-be-had", None),
    ("/api/v1/explain/population/2024", 404, "no-figures-for-period", "period"),
    ("/api/v1/scoreboard?from=2024-01-01", 400, "missing-parameter", "from"),
    ("/api/v1/scoreboard?area=99", 404, "unknown-area", "area"),
]


@pytest.fixture(scope="module")
def quiet(session_folder, postgres, template):
    """A centre that all these ask; nothing is written."""
    folder = session_folder / "quiet"
    folder.mkdir(exist_ok=True)
    with Fleet(folder, postgres, template) as fleet:
        yield centre_with_http(fleet)


@pytest.mark.parametrize("address, status, kind, parameter", PROBLEMS, ids=[row[0][-40:] for row in PROBLEMS])
def test_a_problem_names_itself_and_its_remedy(quiet, address, status, kind, parameter):
    get = Client(quiet)
    told = {}
    for language in ("vi", "en"):
        reply = get(address, headers={"Accept-Language": f"{language}-XX, fr;q=0.3"})
        problem = reply.json()
        assert (reply.status, problem["status"], problem["type"]) == (status, status, "urn:tram:problem:" + kind)
        assert reply["content-type"] == "application/problem+json" and reply["content-language"] == language
        assert problem.get("parameter") == parameter and problem["title"] and problem["detail"] and problem["remedy"]
        told[language] = problem
    for part in ("title", "detail", "remedy"):
        assert told["vi"][part] != told["en"][part] or parameter, part  # what a parameter may say may be no word
    assert told["vi"]["title"] != told["en"]["title"]
    assert get(address).json()["title"] == told["vi"]["title"]  # as the settings have it


def test_requests_that_are_none_of_ours(quiet):
    get = Client(quiet)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        reply = get("/api/v1/rollups", method)
        assert (reply.status, reply["allow"], reply.json()["type"]) == (405, "GET, HEAD", "urn:tram:problem:method-not-allowed")
    accepts_none = get("/api/v1/rollups", headers={"Accept": "image/png, text/*;q=0"})
    assert accepts_none.status == 406 and accepts_none.json()["parameter"] == "Accept"
    get.connection.close()
    assert get("/api/v1/rollups", body=b"x").json()["type"] == "urn:tram:problem:content-not-taken"
    get.connection.close()
    rebound = get("/api/v1/rollups", headers={"Host": "evil.example:80"})
    assert (rebound.status, rebound.json()["parameter"]) == (421, "Host")
    assert get("/api/v1/indicators", headers={"Host": "localhost:1"}).status == 200
    assert get.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 40000 + b"\r\n\r\n").startswith(b"HTTP/1.1 4")


def test_too_many_rows_are_refused_not_cut(fleet):
    centre = centre_with_http(fleet, http_rows=40)
    reply = Client(centre)("/api/v1/areas")
    assert (reply.status, reply.json()["type"]) == (400, "urn:tram:problem:too-many-rows")


LONG = "/api/v1/claims"  # over 64 KiB


def test_language_names_and_length_are_settings(fleet, quiet):
    """Beside a centre that has none of them set."""
    centre = centre_with_http(fleet, http_language="en", http_names="so-lieu.example b.example", http_answer="64KiB")
    for get, language, of_names, of_length in ((Client(quiet), "vi", 421, 200), (Client(centre), "en", 200, 400)):
        assert get("/api/v1/nothing")["content-language"] == language
        for asked in ("vi", "en"):
            assert get("/api/v1/nothing", headers={"Accept-Language": asked})["content-language"] == asked
        for name in ("so-lieu.example", "b.example:8443"):
            assert get("/health", headers={"Host": name}).status == of_names, name
        assert get("/health", headers={"Host": "c.example"}).status == 421
        whole = get(LONG)
        assert whole.status == of_length, len(whole.body)
        assert len(whole.body) > 64 << 10 or "65536 byte" in whole.json()["detail"]
        assert get("/api/v1/indicators", format="csv").status == 200


def test_a_client_that_says_nothing_is_sent_away(fleet):
    """After http_idle; one that came before it, where that is longer, is answered still."""
    patient, hasty = (Client(centre_with_http(fleet, name=idle, http_idle=idle)) for idle in ("1h", "1s"))
    patient.connection.connect()
    assert hasty.raw(b"GET ") == b""
    assert patient("/api/v1/nothing").status == 404


def test_health_follows_the_store(own_fleet, own_postgres):
    centre = centre_with_http(own_fleet)
    get = Client(centre)
    assert wait_until(lambda: get("/health").status == 200, "good health")
    assert get("/health").json()["status"] == "pass"
    own_postgres.stop()
    wait_until(lambda: get("/health").status == 503, "bad health")
    reply = get("/api/v1/rollups", indicator="population")
    assert (reply.status, reply.json()["type"], bool(reply["retry-after"])) == (503, "urn:tram:problem:store-unavailable", True)
    wait_until(lambda: "http.failed" in centre.daemon.log(), "the event")
    own_postgres.start()
    wait_until(lambda: get("/health").status == 200, "good health again")
    wait_until(lambda: get("/api/v1/rollups", indicator="population").status == 200, "the other reader")
    wait_until(lambda: "http.recovered" in centre.daemon.log(), "the event")


def lock(centre, tables="tram.indicator"):
    """While this is open nobody can read the catalogue."""
    db = centre.postgres.connect(centre.database)
    db.autocommit = False
    db.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
    return db


def ask_aside(centre, path):
    """Asks on a thread and a connection of its own; join() it, then it has .reply."""
    client = Client(centre)
    thread = threading.Thread(target=lambda: setattr(thread, "reply", client(path)))
    thread.start()
    return thread


def test_more_questions_than_may_wait(fleet):
    centre = centre_with_http(fleet, http_readers=1, http_waiting=1)
    get = Client(centre)
    assert get("/api/v1/indicators").status == 200
    with lock(centre):
        threads = [ask_aside(centre, "/api/v1/indicators?format=csv") for _ in range(5)]

        def enough_came():
            return centre.json("status", "--centre", centre.conf)['http_answers{cause="busy"}'] == 3
        wait_until(enough_came, "three that are turned away")
        refused = get("/api/v1/indicators")
        assert (refused.status, refused.json()["type"]) == (503, "urn:tram:problem:busy") and int(refused["retry-after"]) > 0
        assert get("/health").status == 200  # needs no reader
    for thread in threads:
        thread.join()
    assert sorted(thread.reply.status for thread in threads) == [200, 200, 503, 503, 503]


def test_a_question_that_takes_too_long(fleet):
    centre = centre_with_http(fleet, http_time="200ms")
    get = Client(centre)
    with lock(centre):
        reply = get("/api/v1/indicators")
    assert (reply.status, reply.json()["type"]) == (503, "urn:tram:problem:took-too-long")
    wait_until(lambda: get("/api/v1/indicators").status == 200, "an answer")  # in 200 ms: a busy machine may need another try


def test_a_client_that_does_not_read_holds_no_connection_to_the_store(fleet):
    centre = centre_with_http(fleet, http_readers=1)
    get = Client(centre)
    lazy = []
    for _ in range(5):
        s = socket.create_connection((get.connection.host, get.connection.port))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /api/v1/areas HTTP/1.1\r\nHost: localhost\r\n\r\n")
        lazy.append(s)
    wait_until(lambda: centre.json("status", "--centre", centre.conf)['http_answers{cause="answered"}'] == 5, "five answers")
    assert get("/api/v1/areas").status == 200
    for s in lazy:
        s.close()


def test_a_stop_answers_what_has_begun(fleet):
    centre = centre_with_http(fleet)
    wait_until(lambda: "aggregator.started" in centre.daemon.log(), "the start")
    locked = lock(centre)
    thread = ask_aside(centre, "/api/v1/indicators")
    wait_until(lambda: centre.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND database ="
                                    " (SELECT oid FROM pg_database WHERE datname = current_database())"), "the question")
    centre.daemon.send(15)
    wait_until(lambda: "aggregator.stopping" in centre.daemon.log(), "the stop")
    locked.close()
    assert centre.daemon.wait() == 0
    thread.join()
    assert thread.reply.status == 200


def test_a_reload_keeps_what_is_asked(centre, reported, get):
    centre.write_settings(http_rows=5, log_level="debug")
    centre.daemon.send(1)
    wait_until(lambda: "waits_for_restart=http_rows" in centre.daemon.log(), "the reload")
    assert get("/api/v1/rollups", indicator="population").status == 200


def test_a_port_that_is_taken_keeps_nobody_from_reporting(fleet):
    """It is said, reports are taken, and the port is opened when it is free."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", free_port()))
        s.listen()
        address = f"127.0.0.1:{s.getsockname()[1]}"
        centre = fleet.centre(http=address)
        assert "http.failed" in centre.daemon.log() and "cannot listen on http" in centre.daemon.log()
        agent = fleet.agent(centre, "agent-63-46").wait_for_codes()
        agent.submit(csv_text(POPULATION))
        assert agent.wait_for_verdicts(1)
    wait_until(lambda: "http.recovered" in centre.daemon.log(), "the port")
    with urllib.request.urlopen(f"http://{address}/health") as reply:
        assert reply.status == 200
    assert centre.daemon.log().count("http.failed") == 1


def test_what_is_no_address_is_refused(fleet):
    centre = fleet.centre(start=False, http="nowhere")
    centre.daemon.start()
    assert centre.daemon.wait() == 78
    assert "ADDRESS:PORT" in centre.daemon.log()


def families(text):
    """What an OpenMetrics text says, read by python3-prometheus-client."""
    return {family.name: family for family in parser.text_string_to_metric_families(text)}


def test_metrics_are_one_whole_text(centre, reported, get):
    assert get("/api/v1/rollups", indicator="population").status == 200
    for line in (rb"^tram_agents_connected 1$", rb'^tram_http_answers_total\{cause="answered"\} [1-9]'):  # main tells ten times a second
        wait_until(lambda line=line: re.search(line, get("/metrics", headers={"Accept": "text/plain"}).body, re.M), line.decode())
    reply = get("/metrics")
    text = reply.body.decode()
    assert reply["content-type"].startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n") and text.count("# EOF") == 1
    found = families(text)
    figures = [sample for sample in found["tram_figure"].samples if sample.labels["indicator"] == "population"]
    assert [sample.value for sample in figures] == [1178600]
    assert found["tram_observations"].samples[0].labels == {"cause": "accepted"}
    answered = {sample.labels["cause"]: sample.value for sample in found["tram_http_answers"].samples}
    assert answered["answered"] >= 1
    assert found["tram_reports_committed"].samples[0].value == 1


# ---------------------------------------------------------------- what moved, and what a figure is made of

LAND = {"indicator": "land_area", "value": "5000.5", "unit": "km2", "unit_mult": "0", "obs_status": "A", "qualifier": "exact",
        "source_system": "population_db"}


def correct(agent, n):
    agent.submit(csv_text(POPULATION | {"value": str(1178600 + n)}, purpose="correction", reason=f"Đếm lại lần {n}"), name=f"{n}.csv")


def test_a_cursor_goes_on_where_it_was(centre, reported, get):
    first = get("/api/v1/changes", indicator="population").json()
    assert first["changes"] == [] and not first["page"]["more"]
    correct(reported, 1)
    reported.wait_for_verdicts(2)
    asked = []

    def told():  # a moment is settled once a second
        asked.append(get("/api/v1/changes", indicator="population", since=first["page"]["next"]))
        return asked[-1].json()["changes"]
    moved, second = wait_until(told, "the change"), asked[-1]
    assert [(c["value_before"], c["value_after"], c["difference"], c["cause"], c["of_area"], c["reason"]) for c in moved] == [
        ("1178600", "1178601", "1", "correction", "63/46", "Đếm lại lần 1")]
    assert second["tram-cursor"] == second.json()["page"]["next"] != first["page"]["next"]
    third = get("/api/v1/changes", indicator="population", since=second["tram-cursor"])
    assert third.json()["changes"] == []
    as_csv = get("/api/v1/changes", since="2024-01-01", format="csv")
    assert len(as_csv.body.splitlines()) == 1 + len(get("/api/v1/changes", since="2024-01-01").json()["changes"]) > 2
    for wrong in ("c" + "0" * 18, first["page"]["next"][:-1] + ("0" if first["page"]["next"][-1] != "0" else "1"), "c0"):
        reply = get("/api/v1/changes", since=wrong)
        assert (reply.status, reply.json()["parameter"]) == (400, "since"), (wrong, reply.body)


def test_only_what_moved_since(centre, reported, get):
    ask = {"period": "2024", "level": "province"}
    before = centre.value("SELECT clock_timestamp()").isoformat()
    assert get("/api/v1/rollups", updatedAfter=before, **ask).json() == []
    correct(reported, 1)
    reported.wait_for_verdicts(2)
    moved = get("/api/v1/rollups", updatedAfter=before, **ask).json()
    assert [(row["indicator"], row["area"], row["value"]) for row in moved] == [("population", "63/46", "1178601")]
    assert get("/api/v1/rollups", updatedAfter="2024-01-01", **ask).json() == get("/api/v1/rollups", **ask).json()
    assert get("/api/v1/rollups", updatedAfter=centre.value("SELECT clock_timestamp()").isoformat(), **ask).json() == []


def test_nothing_is_lost_or_told_twice_while_two_lanes_write(fleet):
    """Corrections on both lanes while a consumer reads on; what it was told is what moved, in order, each once."""
    centre = centre_with_http(fleet, lanes=2, http_rows=7)
    agents = [fleet.agent(centre, f"agent-63-{number}").wait_for_codes() for number in ("46", "48")]
    get, told = Client(centre), []
    begin = cursor = get("/api/v1/changes").json()["page"]["next"]

    def read_on():
        nonlocal cursor
        page = get("/api/v1/changes", level="province", since=cursor)
        if page.status == 503 and page.json()["type"] == "urn:tram:problem:busy":
            return True  # no moment could be settled: it says to ask again
        assert page.status == 200, page.body
        told.extend(page.json()["changes"])
        cursor = page.json()["page"]["next"]
        return page.json()["page"]["more"]

    def write(agent, number):
        for n in range(30):
            purpose = {"purpose": "correction", "reason": f"lần {n}"} if n else {}
            figures = [POPULATION | {"ref_area": f"63/{number}", "value": str(1000000 + n)},
                       LAND | {"ref_area": f"63/{number}", "value": f"{5000 + n}.5"}]  # so that a moment has several rows
            agent.submit(csv_text(*figures, provider=f"P63-{number}", **purpose), name=f"{n}.csv")
    writers = [threading.Thread(target=write, args=(agent, agent.name[-2:])) for agent in agents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        read_on()
    for agent in agents:
        agent.wait_for_verdicts(30)
    end = centre.value("SELECT tram.settled_moment()")
    while read_on() or centre.value("SELECT tram.cursor_moment(%s) < %s", cursor, end):
        pass  # a moment is settled once a second
    moved = centre.sql("SELECT indicator, area, value_before::text, value_after::text FROM"
                       " tram.changes(tram.cursor_moment(%s), tram.cursor_moment(%s), NULL, 'province')"
                       " ORDER BY moment, indicator, time_period, area", begin, cursor)
    assert [(c["indicator"], c["area"], c["value_before"], c["value_after"]) for c in told] == moved
    population = [c for c in told if c["indicator"] == "population"]
    for area in ("63/46", "63/48"):
        mine = [c for c in population if c["area"] == area]
        assert mine[0]["value_before"] is None and mine[-1]["value_after"] == "1000029"
        assert [c["value_before"] for c in mine[1:]] == [c["value_after"] for c in mine[:-1]]
    assert len(told) > 7


def test_a_figure_explains_itself(centre, reported, get):
    for path, words in (("population/2024", ()), ("population/2024?area=63%2F46", ("--area", "63/46")),
                        ("population/2024?area=P63-46", ("--area", "p63-46")), ("population/2024?area=46", ("--area", "46")),
                        ("population/2024?open=true", ("--open",))):
        shown = json.loads(centre.tram("explain", *path.split("?")[0].split("/"), *words, "--format", "json").stdout)
        said = get("/api/v1/explain/" + path)
        assert said.status == 200 and said["content-type"] == "application/json"
        del shown["explained_at"]
        assert said.json() == shown and shown["figures"][0]["value"] == "1178600"
    tag = get("/api/v1/explain/population/2024")["etag"]
    assert get("/api/v1/explain/population/2024", headers={"If-None-Match": tag}).status == 304
    for period in ("2018-01-01/P7Y", "2020"):  # a period may have a slash
        reply = get("/api/v1/explain/population/" + period)
        assert (reply.status, reply.json()["type"]) == (404, "urn:tram:problem:no-figures-for-period")
        assert period in reply.json()["detail"] and "2024" in reply.json()["remedy"]
        refused = centre.tram("explain", "population", period, check=False).stderr
        assert ("is no period of population" if "/" in period else "it has for 2024") in refused
    for path, status, kind in (("nothing/2024", 404, "unknown-indicator"), ("population", 400, "bad-value"),
                               ("population/20245", 400, "bad-value"), ("population/2024?area=99", 404, "unknown-area"),
                               ("population/2024?period=2024", 400, "unknown-parameter"), ("", 400, "bad-value")):
        reply = get("/api/v1/explain/" + path)
        assert (reply.status, reply.json()["type"]) == (status, "urn:tram:problem:" + kind), path


# ---------------------------------------------------------------- the description for programs

DESCRIPTION = json.loads((ROOT / "deploy" / "http" / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [(path, item["get"]) for path, item in DESCRIPTION["paths"].items()]


def resolved(node):
    while "$ref" in node:
        target = DESCRIPTION
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def validate(instance, schema):
    jsonschema.Draft202012Validator({"components": DESCRIPTION["components"], **schema}).validate(instance)


def example_of(path, operation):
    """The address with the examples of what stands in the path."""
    return path.format(**{name: p["example"] for name, p in declared(operation, "path").items()})


def declared(operation, where):
    parameters = [resolved(p) for p in operation["parameters"]]
    return {p["name"]: p for p in parameters if p["in"] == where}


def table(name, macro):
    sys.path.append(str(ROOT / "deploy" / "man"))
    import tables
    return tables.rows(f"aggregator/http/{name}.def", macro)


def test_the_description_has_every_route_parameter_and_format_and_no_other():
    names = {row[0]: row[1] for row in table("param", "PARAM")}
    routes = {path: ({names[p] for p in re.findall(r"P (\w+)", params)},
                     {f.lower().replace("_", "-") for f in re.findall(r"F (\w+)", formats)})
              for _id, path, params, formats, _needs, _help in table("route", "ROUTE")}
    assert set(routes) == set(DESCRIPTION["paths"])
    for path, operation in OPERATIONS:
        params, formats = routes[path]
        assert set(declared(operation, "query")) == params, path
        if "format" in params:
            assert set(declared(operation, "query")["format"]["schema"]["enum"]) == formats
        assert len(operation["responses"]["200"]["content"]) == len(formats)


def check_declared(path, operation, reply):
    """The reply is one that the description has: its status, its headers, its media type, its shape."""
    response = resolved(operation["responses"][str(reply.status)])
    for name in response.get("headers", ()):
        assert reply[name.lower()], (path, name)
    if reply.status == 304:
        assert not reply.body
        return
    media = reply["content-type"].split(";")[0]
    schema = response["content"][media]["schema"]
    if media.endswith("json"):
        validate(reply.json(), schema)
    else:
        assert schema == {"type": "string"} and reply.body.decode()


def test_what_is_declared_is_answered(centre, reported, get):
    """Every format and every parameter with its example."""
    for template, operation in OPERATIONS:
        parameters, path = declared(operation, "query"), example_of(template, operation)
        for name, parameter in parameters.items():
            values = parameter["schema"].get("enum", [parameter["example"]])
            for value in values:
                given = {name: value} | ({"to": "2024-12-31"} if name == "from" else {"from": "2024-01-01"} if name == "to" else {})
                if path == "/api/v1/rollups":
                    given = {"indicator": "population"} | given
                reply = get(path, **given)
                assert reply.status == 200, (path, given, reply.body)
                check_declared(path, operation, reply)
        for media in operation["responses"]["200"]["content"]:
            reply = get(path, headers={"Accept": media})
            assert reply["content-type"].split(";")[0] == media
            check_declared(path, operation, reply)


UNANSWERED = {
    "304": lambda get, path: get(path, headers={"If-None-Match": "*"}),
    "400": lambda get, path: get(path, nothing="of the kind"),
    "405": lambda get, path: get(path, "DELETE"),
    "406": lambda get, path: get(path, headers={"Accept": "image/png"}),
    "414": lambda get, path: get(path, nothing="x" * 3000),
    "421": lambda get, path: get(path, headers={"Host": "elsewhere.example"}),
}
UNKNOWN = {"/api/v1/rollups": "indicator", "/api/v1/changes": "indicator", "/api/v1/scoreboard": "area", "/api/v1/explain/{indicator}/{period}": "area"}
NOT_TO_BE_HAD = {"/api/v1/rollups": {"indicator": "population", "period": "2025"},
                 "/api/v1/changes": {"indicator": "population", "period": "2025"}}


def test_every_problem_that_is_declared_comes_about(fleet, reported, get):
    wait_until(lambda: get("/health").status == 200, "good health")
    for template, operation in OPERATIONS:
        path = example_of(template, operation)
        for status in set(operation["responses"]) - {"200", "503"}:
            if status == "404":
                reply = get(path, **{UNKNOWN[template]: "nothing"})
            elif status == "422":
                reply = get(path.replace("2024", "2025"), boundary="63", **NOT_TO_BE_HAD.get(path, {}))
            else:
                reply = UNANSWERED[status](get, path)
                get.connection.close()
            assert str(reply.status) == status, (path, status, reply.body)
            check_declared(path, operation, reply)
    centre = centre_with_http(fleet, name="slow", http_time="50ms")
    get = Client(centre)
    with lock(centre, "tram.indicator, tram.area"):
        for template, operation in OPERATIONS:
            path = example_of(template, operation)
            if path == "/health":
                continue
            reply = get(path)
            assert reply.status == 503, (path, reply.body)
            check_declared(path, operation, reply)
