# SPDX-License-Identifier: Apache-2.0
"""
The oracle: what must hold, whatever failed. It believes nobody but PostgreSQL's tables, the ledger of what was handed in,
and what was heard of the daemons while they ran. It computes digests, chains and signatures by itself and uses none of the
programs.

Facts is all it is given; CHECKS is the list of what it asks. Each check yields complaints.
"""

import bisect
import collections
import ctypes
import dataclasses
import itertools

from desk import pb
from load import digest
from roadbook import batch_bytes, chain_0, is_signed

SEQ_BITS = 40
REVISION_BITS = 14
STORED = (pb.OUTCOME_ACCEPTED, pb.OUTCOME_ACCEPTED_WITH_WARNINGS, pb.OUTCOME_HELD)
FRESH_PATIENCE_S = 60

# What a daemon may take at most: kilobytes of memory, file descriptors, threads.
CEILINGS = {"aggregator": (400_000, 100, 12), "agent": (150_000, 60, 6)}


# ---------------------------------------------------------------- what is known

@dataclasses.dataclass
class Stream:
    stream_no: int
    agent: str
    agent_no: int
    epoch: str
    seq: int
    chain: bytes
    first_chain: bytes
    previous_epoch: str
    xmin: int


@dataclasses.dataclass
class Agent:
    agent_no: int
    agent: str
    verdict_seq: int
    xmin: int
    key_xmin: int  # of its newest key's row: the two are written together


@dataclasses.dataclass
class Report:
    """A row of tram.report or of tram.poison."""
    report_no: int
    agent_no: int
    digest: bytes
    observations: int
    known_at: object
    xmin: int
    committed_at: object
    poison: bool

    @property
    def stream_no(self):
        return self.report_no >> SEQ_BITS

    @property
    def seq(self):
        return self.report_no & (1 << SEQ_BITS) - 1


@dataclasses.dataclass
class Batch:
    stream_no: int
    from_seq: int
    first_seq: int
    last_seq: int
    agent_no: int
    codec: int
    prev_chain: bytes
    chain: bytes
    signature: bytes
    payload: bytes
    xmin: int


@dataclasses.dataclass
class Verdict:
    agent_no: int
    verdict_seq: int
    report_no: int
    outcomes: bytes
    cause: str
    xmin: int


@dataclasses.dataclass
class Observation:
    report_no: int
    area_no: int
    key: int
    line: int
    outcome: int
    xmin: int


@dataclasses.dataclass
class Finding:
    report_no: int
    line: int
    severity: str
    xmin: int


@dataclasses.dataclass
class Outbox:
    """What an agent says of itself at the end."""
    status: dict
    verdicts: list  # (verdict_seq, epoch, seq, digest, outcomes)


@dataclasses.dataclass
class Facts:
    streams: list = dataclasses.field(default_factory=list)
    reports: list = dataclasses.field(default_factory=list)
    batches: list = dataclasses.field(default_factory=list)
    verdicts: list = dataclasses.field(default_factory=list)
    observations: list = dataclasses.field(default_factory=list)
    findings: list = dataclasses.field(default_factory=list)
    agents: list = dataclasses.field(default_factory=list)
    revocations: list = dataclasses.field(default_factory=list)   # (agent_no, committed_at)
    signing_keys: dict = dataclasses.field(default_factory=dict)  # agent: public keys it ever signed with
    ledger: list = dataclasses.field(default_factory=list)        # HandIn
    outboxes: dict = dataclasses.field(default_factory=dict)      # agent: Outbox
    counters: dict = dataclasses.field(default_factory=dict)      # the aggregator's status at the end
    seen: list = dataclasses.field(default_factory=list)          # what was watched, in order: (when, kind, ...)
    renewed: set = dataclasses.field(default_factory=set)         # agents whose outbox was made anew
    centre_lives: int = 1                                         # how often an aggregator was started
    retention_s: float = 0
    clock_is_true: bool = True                                    # the centre's; else known_at says what it said
    spare_descriptors: int = 0                                    # that a cell takes of the aggregator on purpose
    recovery_s: dict = dataclasses.field(default_factory=dict)    # agent: until a fresh report had its verdict; None: never
    recovery_max_s: float = 30

    @property
    def restores(self):
        return sum(row[1] == "restored" for row in self.seen)

    def stream(self, number):
        return next((s for s in self.streams if s.stream_no == number), None)

    def where(self, report_no):
        """Where a report lies, for people."""
        s = self.stream(report_no >> SEQ_BITS)
        return f"{s.agent}/{s.epoch[:8]}/{report_no & (1 << SEQ_BITS) - 1}" if s else f"report_no {report_no}"

    def by_report(self, rows):
        """The rows by the report they are of."""
        found = collections.defaultdict(list)
        for row in rows:
            found[row.report_no].append(row)
        return found


QUERIES = {
    Agent: "SELECT agent_no, agent, verdict_seq, xmin::text::bigint, coalesce((SELECT max(k.xmin::text::bigint) FROM tram.agent_key k"
           " WHERE k.agent_no = a.agent_no), 0) FROM tram.agent a",
    Stream: "SELECT stream_no, agent, agent_no, epoch, seq, chain, first_chain, previous_epoch, xmin::text::bigint FROM tram.stream",
    Report: "SELECT report_no, agent_no, digest, observations, known_at, xmin::text::bigint, pg_xact_commit_timestamp(xmin), false"
            " FROM tram.report UNION ALL"
            " SELECT report_no, agent_no, digest, 0, known_at, xmin::text::bigint, pg_xact_commit_timestamp(xmin), true FROM tram.poison",
    Batch: "SELECT stream_no, from_seq, first_seq, last_seq, agent_no, codec, prev_chain, chain, signature, payload,"
           " xmin::text::bigint FROM tram.batch",
    Verdict: "SELECT agent_no, verdict_seq, report_no, outcomes, cause, xmin::text::bigint FROM tram.verdict",
    Observation: "SELECT report_no, area_no, key, line, outcome, xmin::text::bigint FROM tram.observation",
    Finding: "SELECT report_no, line, severity::text, xmin::text::bigint FROM tram.report_finding",
}


def read_store(db, facts):
    """Everything there is, in one snapshot."""
    def rows(query):
        return db.execute(query).fetchall()

    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        facts.agents, facts.streams, facts.reports, facts.batches, facts.verdicts, facts.observations, facts.findings = (
            [kind(*row) for row in rows(query)] for kind, query in QUERIES.items())
        facts.revocations = rows("SELECT agent_no, pg_xact_commit_timestamp(xmin) FROM tram.agent_key k WHERE state = 'revoked'")
    return facts


# ---------------------------------------------------------------- the bytes that came

@dataclasses.dataclass
class Opened:
    """A batch's payload, decoded here."""
    batch: Batch
    reports: list
    fault: str = ""


def zstd_decompress(data):
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    lib.ZSTD_decompress.restype = ctypes.c_size_t
    size = lib.ZSTD_getFrameContentSize(data, ctypes.c_size_t(len(data)))
    if size > 64 << 20:
        raise ValueError("no zstd frame that states its size")
    out = ctypes.create_string_buffer(size or 1)
    n = lib.ZSTD_decompress(out, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
    if n != size:
        raise ValueError("a damaged zstd frame")
    return out.raw[:size]


def open_batch(batch):
    try:
        plain = zstd_decompress(batch.payload) if batch.codec == pb.CODEC_ZSTD else batch.payload
        return Opened(batch, [entry.report for entry in pb.Batch.FromString(plain).entries])
    except Exception as error:  # whatever is wrong with the bytes is the finding
        return Opened(batch, [], f"cannot be read: {error}")


def covering(batches, seq):
    """The batch that committed the report: the one with the greatest from_seq that is not beyond it."""
    after = bisect.bisect_right(batches, seq, key=lambda o: o.batch.from_seq)
    return batches[after - 1] if after else None


def opened_by_stream(facts):
    found = collections.defaultdict(list)
    for batch in sorted(facts.batches, key=lambda b: (b.stream_no, b.from_seq)):
        found[batch.stream_no].append(open_batch(batch))
    return found


# ---------------------------------------------------------------- I1, I2, I10, I15: what is there is what was handed in

def places(facts):
    """Every report in the store: {(agent, epoch8, seq): [Report]}."""
    found = collections.defaultdict(list)
    for row in facts.reports:
        s = facts.stream(row.stream_no)
        if s:
            found[s.agent, s.epoch[:8], row.seq].append(row)
    return found


def i1_exactly_once(facts):
    """Every accepted report is in report or poison exactly once."""
    there = places(facts)
    everywhere = collections.defaultdict(collections.Counter)
    for (agent, _, _), rows in there.items():
        everywhere[agent].update(row.digest for row in rows)
    for entry in facts.ledger:
        for i, want in enumerate(entry.digests if entry.state == "accepted" else ()):
            place = entry.agent, entry.epoch, entry.first_seq + i
            rows = there.get(place, [])
            name = "/".join(map(str, place))
            if entry.agent in facts.renewed:
                if not everywhere[entry.agent][want]:
                    yield f"{name} has a ticket, and its bytes are in no epoch of the agent"
            elif not rows:
                yield f"{name} has a ticket and is not in the store"
            elif len(rows) > 1:
                yield f"{name} is in the store {len(rows)} times"
            elif rows[0].digest != want:
                yield f"{name} has another digest in the store: {rows[0].digest.hex()[:16]} for {want.hex()[:16]}"
    yield from unclaimed(facts, there)


def unclaimed(facts, there):
    """What nobody has a ticket for must be of a hand-in of unknown outcome: all of it, once, in its order."""
    claimed = {(e.agent, e.epoch, e.first_seq + i) for e in facts.ledger if e.state == "accepted" for i in range(len(e.reports))}
    unknown = collections.defaultdict(list)
    for entry in facts.ledger:
        if entry.state == "unknown":
            unknown[entry.agent].append(entry.digests)
    left = collections.defaultdict(list)
    for place in sorted(set(there) - claimed):
        left[place[0]].append((place, there[place][0].digest))
    for agent, found in left.items():
        if agent in facts.renewed:
            continue
        while found:
            place, first = found[0]
            whole = next((d for d in unknown[agent] if d == [digest for _, digest in found[:len(d)]]), None)
            if whole is None:
                yield f"{'/'.join(map(str, place))} is in the store without a ticket, and no hand-in of unknown outcome explains it"
                break
            unknown[agent].remove(whole)
            found = found[len(whole):]


def i2_byte_for_byte(facts):
    """Nothing is in the store that was not handed in, byte for byte; batches and rows agree."""
    issued = {d for entry in facts.ledger for d in entry.digests}
    opened = opened_by_stream(facts)
    for number, batches in opened.items():
        for o in batches:
            where = facts.where(number << SEQ_BITS | o.batch.from_seq)
            if o.fault:
                yield f"the batch from {where} {o.fault}"
            elif len(o.reports) != o.batch.last_seq - o.batch.first_seq + 1:
                yield f"the batch from {where} holds {len(o.reports)} reports, and its header says {o.batch.first_seq} to {o.batch.last_seq}"
            for report in o.reports:
                if digest(report) not in issued:
                    yield f"the batch from {where} holds bytes that nobody handed in: {digest(report).hex()[:16]}"
    for row in facts.reports:
        o = covering(opened[row.stream_no], row.seq)
        at = row.seq - o.batch.first_seq if o else -1
        if not o or not 0 <= at < len(o.reports):
            yield f"{facts.where(row.report_no)} has a row, and no batch holds its bytes"
        elif digest(o.reports[at]) != row.digest:
            yield f"{facts.where(row.report_no)} has a digest that is not that of its bytes"


def chains(facts):
    """Chains and signatures of every batch, computed anew; the last one is the stream's."""
    opened = opened_by_stream(facts)
    for s in facts.streams:
        previous = next((p.chain for p in facts.streams if p.agent_no == s.agent_no and p.epoch == s.previous_epoch), None)
        epoch, chain, at = bytes.fromhex(s.epoch), None, 0
        starts = [chain_0(s.agent, epoch)] + ([chain_0(s.agent, epoch, previous)] if previous else [])
        if s.first_chain not in starts and not s.previous_epoch:
            yield f"{s.agent}/{s.epoch[:8]} begins with a chain that is not chain 0"
        known = {0: s.first_chain}
        for o in opened[s.stream_no]:
            b, chain = o.batch, known.get(o.batch.first_seq - 1)
            where = f"the batch {b.first_seq}-{b.last_seq} of {s.agent}/{s.epoch[:8]}"
            if chain is None:
                yield f"{where} does not follow from what is before it"
                break
            if chain != b.prev_chain:
                yield f"{where}: its prev_chain is not the chain at {b.first_seq - 1}"
            for at, report in enumerate(o.reports, b.first_seq):
                chain = known[at] = digest(chain + digest(report))
            if chain != b.chain:
                yield f"{where}: its chain does not follow from its reports"
            signed = batch_bytes(s.agent, epoch, b.first_seq, b.last_seq, b.prev_chain, b.chain)
            if not any(is_signed(key, signed, b.signature) for key in facts.signing_keys.get(s.agent, ())):
                yield f"{where} is not signed by {s.agent}"
        if known.get(s.seq) != s.chain:
            yield f"{s.agent}/{s.epoch[:8]}: the chain at its watermark {s.seq} is not the one that its reports give"


def i10_nobody_elses(facts):
    """No report is attributed to another agent than the one it was handed in at."""
    issuers = collections.defaultdict(set)
    for entry in facts.ledger:
        for d in entry.digests:
            issuers[d].add(entry.agent)
    numbers = {a.agent: a.agent_no for a in facts.agents}
    for row in facts.reports:
        s = facts.stream(row.stream_no)
        if not s:
            yield f"report_no {row.report_no} is of a stream that is not there"
            continue
        if row.digest in issuers and s.agent not in issuers[row.digest]:
            yield f"{facts.where(row.report_no)} was handed in at {', '.join(issuers[row.digest])}"
        if row.agent_no != s.agent_no or numbers.get(s.agent) != s.agent_no:
            yield f"{facts.where(row.report_no)} is booked on agent_no {row.agent_no}, and its stream on {s.agent_no}"
    stream_agents = {s.stream_no: s.agent_no for s in facts.streams}
    for row in facts.verdicts + facts.batches:
        number = row.report_no >> SEQ_BITS if isinstance(row, Verdict) else row.stream_no
        if stream_agents.get(number) != row.agent_no:
            yield f"a {type(row).__name__.lower()} of stream {number} is booked on agent_no {row.agent_no}"


def i8_refused_at_the_door(facts):
    """A report that is refused is refused at the producer, with a code, and nothing of it is kept."""
    there = {row.digest for row in facts.reports}
    kept = {d for entry in facts.ledger if entry.state in ("accepted", "unknown") for d in entry.digests}
    for entry in facts.ledger:
        if entry.state == "issued":
            yield f"a hand-in at {entry.agent} was never answered"
        if entry.state == "refused" and not (entry.code and entry.text):
            yield f"a hand-in at {entry.agent} was refused without a code or a reason"
        if entry.state in ("refused", "unsent"):
            for d in entry.digests:
                if d in there and d not in kept:
                    yield f"a report that {entry.agent} {'refused' if entry.state == 'refused' else 'never heard of'} is in the store"


def i15_books_balance(facts):
    """Issued is committed, poisoned, refused and nothing else; nothing is under way any more."""
    for name in {entry.agent for entry in facts.ledger} - facts.renewed:
        entries = [e for e in facts.ledger if e.agent == name]
        accepted, unknown = (sum(len(e.reports) for e in entries if e.state == state) for state in ("accepted", "unknown"))
        stored = sum(s.seq for s in facts.streams if s.agent == name)
        if not accepted <= stored <= accepted + unknown:
            yield f"{name}: {accepted} accepted and {unknown} of unknown outcome, and {stored} are committed"
        outbox = facts.outboxes.get(name)
        here = sum(s.seq for s in facts.streams if outbox and s.agent == name and s.epoch == outbox.status["epoch"])
        if outbox and int(outbox.status["handed_in"]) != here:
            yield f"{name} holds {outbox.status['handed_in']} reports, and {here} are committed"
        if outbox and outbox.status["pending"] != "0":
            yield f"{name} still waits for {outbox.status['pending']} reports"
    c = facts.counters
    for name in ("bytes_under_way", "batches_under_way"):
        if int(c.get(name, 0)) != 0:
            yield f"the centre says {name} is {c[name]} when nothing is"
    told = int(c.get("reports_committed", 0)) + int(c.get("reports_poisoned", 0))
    if told > len(facts.reports) and not facts.restores:
        yield f"the centre counts {told} reports, and {len(facts.reports)} are in the store"


# ---------------------------------------------------------------- I4, I6, I13: what stands in the tables

def i4_watermark_is_the_count(facts):
    """The watermark is the greatest contiguous seq and the number of rows."""
    for s in facts.streams:
        seqs = sorted(r.seq for r in facts.reports if r.stream_no == s.stream_no)
        if len(seqs) != s.seq or seqs != list(range(1, len(seqs) + 1)):
            gap = next((i for i, seq in enumerate(seqs, 1) if seq != i), len(seqs) + 1)
            yield f"{s.agent}/{s.epoch[:8]}: the watermark is {s.seq}, there are {len(seqs)} reports, and at {gap} they are not contiguous"
        start, end = 0, 0
        for b in sorted((b for b in facts.batches if b.stream_no == s.stream_no), key=lambda b: b.from_seq):
            if not (start < b.from_seq <= end + 1 and b.first_seq <= b.from_seq <= b.last_seq):
                yield f"{s.agent}/{s.epoch[:8]}: the batch {b.first_seq}-{b.last_seq} from {b.from_seq} does not follow {end}"
            start, end = b.from_seq, b.last_seq
        if end < s.seq:
            yield f"{s.agent}/{s.epoch[:8]}: batches hold reports through {end}, and the watermark is {s.seq}"


def i6_all_or_none(facts):
    """Rows of a report are all there, in one transaction, together with the watermark that passed it; the batch that brought
    it came with the first report that it newly brought."""
    verdicts, observations, findings = (facts.by_report(rows) for rows in (facts.verdicts, facts.observations, facts.findings))
    opened = opened_by_stream(facts)
    begins = {(row.stream_no, row.seq): row for row in facts.reports}
    for row in facts.reports:
        where = facts.where(row.report_no)
        first = [v for v in verdicts[row.report_no] if v.cause == "received"]
        if len(first) != 1:
            yield f"{where} has {len(first)} verdicts of its reception"
            continue
        verdict = first[0]
        if not row.poison and len(verdict.outcomes) != row.observations:
            yield f"{where} has {row.observations} figures and {len(verdict.outcomes)} outcomes"
        expected = {i: outcome for i, outcome in enumerate(verdict.outcomes, 1) if outcome in STORED}
        stored = {o.line: o.outcome for o in observations[row.report_no]}
        if stored != expected or len(observations[row.report_no]) != len(stored):
            yield f"{where}: its verdict says {expected}, and these figures are stored: {stored}"
        o = covering(opened[row.stream_no], row.seq)
        begin = begins.get((row.stream_no, o.batch.from_seq)) if o else None
        if begin and begin.xmin != o.batch.xmin:
            yield f"{where}: its batch was written in another transaction ({o.batch.xmin}) than its first report ({begin.xmin})"
        parts = [verdict, *observations[row.report_no], *findings[row.report_no]]
        for part in parts:
            if part.xmin != row.xmin:
                yield f"{where}: its {type(part).__name__.lower()} was written in another transaction ({part.xmin}, not {row.xmin})"
        for i, outcome in enumerate(verdict.outcomes, 1):
            if outcome in (pb.OUTCOME_HELD, pb.OUTCOME_REFUSED) and not any(f.line in (0, i) for f in findings[row.report_no]):
                yield f"{where}: figure {i} has outcome {pb.Outcome.Name(outcome)} and nothing is said against it"
    known = {row.report_no for row in facts.reports}
    for rows in (facts.verdicts, facts.observations, facts.findings):
        for row in rows:
            if row.report_no not in known:
                yield f"a {type(row).__name__.lower()} of {facts.where(row.report_no)}, which is not there"
    yield from watermarks_with_rows(facts)


def watermarks_with_rows(facts):
    by_number = {row.report_no: row for row in facts.reports}
    for s in facts.streams:
        last = by_number.get(s.stream_no << SEQ_BITS | s.seq)
        if last and last.xmin != s.xmin:
            yield f"{s.agent}/{s.epoch[:8]}: the watermark {s.seq} was moved in another transaction than its report"
    for a in facts.agents:
        mine = sorted((v for v in facts.verdicts if v.agent_no == a.agent_no), key=lambda v: v.verdict_seq)
        if [v.verdict_seq for v in mine] != list(range(1, a.verdict_seq + 1)):
            yield f"{a.agent} has had {a.verdict_seq} verdicts, and these are there: {len(mine)}, not 1 to {a.verdict_seq}"
        elif mine and a.xmin not in (mine[-1].xmin, a.key_xmin):  # a change of keys that waited may have the lesser number
            yield f"{a.agent}: the number of its last verdict was moved in another transaction than the verdict"


def i13_order(facts):
    """The order of a stream is kept: known_at, verdicts and revisions rise with seq."""
    order = {v.report_no: v.verdict_seq for v in facts.verdicts if v.cause == "received"}
    for s in facts.streams:
        mine = sorted((r for r in facts.reports if r.stream_no == s.stream_no), key=lambda r: r.seq)
        for a, b in itertools.pairwise(mine):
            if facts.clock_is_true and b.known_at < a.known_at:
                yield f"{facts.where(b.report_no)} was known before the one before it"
            if order.get(b.report_no, 0) < order.get(a.report_no, 0):
                yield f"{facts.where(b.report_no)} was judged before the one before it"
    figures = collections.defaultdict(list)
    for o in facts.observations:
        figures[o.area_no, o.key >> REVISION_BITS].append(o)
    for (area_no, _), rows in figures.items():
        rows.sort(key=lambda o: o.key)
        revisions = [o.key & (1 << REVISION_BITS) - 1 for o in rows]
        if revisions != list(range(len(rows))):
            yield f"a figure of area_no {area_no} has the revisions {revisions}"
        for a, b in itertools.pairwise(rows):
            if order.get(b.report_no, 0) <= order.get(a.report_no, 0):
                yield f"{facts.where(b.report_no)} revises {facts.where(a.report_no)}, which was judged after it"


# ---------------------------------------------------------------- I3, I5, I7, I12, I14: what was seen while it ran

def i3_never_ahead(facts):
    """
    What an agent was told is committed is committed, at all times; the same for verdicts. After a declared restore the store
    owes what it had before, until it has it again; it may owe no more than that.
    """
    claims, owed = collections.Counter(), collections.Counter()
    told, had = collections.Counter(), collections.Counter()  # by (agent, epoch), and by (agent, "verdicts")
    for when, kind, *what in facts.seen:
        if kind == "restored":
            owed |= told | had
        elif kind == "agent":
            name, status, _ = what
            claims[name, status["epoch"]] = max(int(status["acknowledged"]), int(status["committed"]), claims[name, status["epoch"]])
            claims[name, "verdicts"] = max(int(status["verdicts"]), claims[name, "verdicts"])
            told |= claims
        elif kind == "store":
            has = what[0] | {(name, "verdicts"): seq for name, seq in what[1].items()}
            had |= collections.Counter(has)
            for place in [place for place, seq in owed.items() if has.get(place, 0) >= seq]:
                del owed[place]
            for place, seq in claims.items():
                if seq > max(has.get(place, 0), owed[place]):
                    thing = "held verdict" if place[1] == "verdicts" else "was told of"
                    yield f"{place[0]} {thing} {seq} when the store had {has.get(place, 0)} ({when:.3f})"
            claims.clear()


def of_its_time(seen):
    """Without answers of an agent that was asked before its outbox was put back, and which were heard only then."""
    copied = {}
    for row in seen:
        when, kind, *what = row
        if kind == "copied":
            copied[what[0]] = when
        if kind != "agent" or what[2] >= copied.get(what[0], what[2]):
            yield row


def i5_never_back(facts):
    """Watermark and acknowledged position never go back, unless a restore was declared."""
    marks, told = {}, {}
    for when, kind, *what in of_its_time(facts.seen):
        if kind == "restored":
            marks, told = {}, {}
        elif kind == "copied":
            told = {place: seq for place, seq in told.items() if place[0] != what[0]}
        elif kind == "store":
            for place, seq in what[0].items():
                if seq < marks.get(place, 0):
                    yield f"the watermark of {place[0]}/{place[1][:8]} went from {marks[place]} back to {seq} ({when:.3f})"
                marks[place] = seq
            for place in set(marks) - set(what[0]):
                yield f"the stream {place[0]}/{place[1][:8]} is gone ({when:.3f})"
                del marks[place]
        elif kind == "agent":
            name, status, _ = what
            place, seq = (name, status["epoch"]), int(status["acknowledged"])
            if seq < told.get(place, 0):
                yield f"{name}: acknowledged went from {told[place]} back to {seq} ({when:.3f})"
            told[place] = seq


def i7_trim(facts):
    """What an outbox forgets was acknowledged, and longer ago than its retention."""
    before = collections.defaultdict(list)  # (agent, epoch): (asked, acknowledged)
    for when, kind, *what in of_its_time(facts.seen):
        if kind == "copied":
            before = collections.defaultdict(list, {p: told for p, told in before.items() if p[0] != what[0]})
        if kind != "agent":
            continue
        name, status, asked = what  # what it answers, it knew later than it was asked, and before the answer was heard
        place = name, status["epoch"]
        handed_in, first_kept, acknowledged = (int(status[k]) for k in ("handed_in", "first_kept", "acknowledged"))
        trimmed = first_kept - 1 if first_kept else handed_in
        if trimmed > acknowledged:
            yield f"{name} has forgotten {trimmed} reports, and {acknowledged} are acknowledged ({when:.3f})"
        not_yet = [at for at, seq in before[place] if seq < trimmed]
        if trimmed and not_yet and when - not_yet[-1] < facts.retention_s:
            yield f"{name} forgot report {trimmed} {when - not_yet[-1]:.2f} s after it was not acknowledged; retention is {facts.retention_s} s"
        if trimmed and not facts.retention_s:
            yield f"{name} has forgotten {trimmed} reports, and nothing is old enough here ({when:.3f})"
        before[place].append((asked, acknowledged))


def i12_bounds(facts):
    """Memory, descriptors and threads stay under their ceilings; the outbox under its limit."""
    worst = {}
    for _, kind, *what in facts.seen:
        if kind == "use":
            name, *use = what
            worst[name] = [max(a, b) for a, b in zip(worst.get(name, use), use)]
    for name, use in worst.items():
        centre = name.startswith("aggregator")
        ceiling = CEILINGS["aggregator" if centre else "agent"]
        use[1] -= facts.spare_descriptors if centre else 0
        for is_, most, what in zip(use, ceiling, ("kB of memory", "descriptors", "threads")):
            if is_ > most:
                yield f"{name} had {is_} {what}; {most} is the ceiling"
    for name, outbox in facts.outboxes.items():
        if int(outbox.status["outbox_bytes"] or 0) > int(outbox.status["outbox_bytes_max"]):
            yield f"{name}: the outbox is larger than its limit"


def i14_feed(facts):
    """The feed never shows what is not committed, never twice, and what it leaves out can be read from the store."""
    heard, positions, pending = collections.Counter(), {}, set()
    names = {a.agent: a.agent_no for a in facts.agents}
    stored = {(v.agent_no, v.verdict_seq): v.report_no for v in facts.verdicts if v.cause == "received"}
    last_verdicts = {}
    for when, kind, *what in facts.seen:
        if kind == "restored":
            pending, last_verdicts = set(), {}
        elif kind == "event":
            feed, position, name, agent, seq, verdict_seq = what
            if position <= positions.get(feed, 0):
                yield f"the feed said {position} after {positions[feed]}"
            elif positions.get(feed, position - 1) != position - 1:
                yield f"the feed left out {positions[feed] + 1} to {position - 1}, though its reader kept up"
            positions[feed] = position
            if name in ("report.committed", "report.poisoned"):
                heard[agent, verdict_seq] += 1
                pending.add((when, agent, verdict_seq))
                row = stored.get((names.get(agent), verdict_seq))
                if row is None or row & (1 << SEQ_BITS) - 1 != seq:
                    yield f"the feed said {name} of {agent} {seq}, verdict {verdict_seq}, and the store has no such report"
        elif kind == "store":
            last_verdicts, began = what[1], what[2]
            for item in [p for p in pending if p[0] < began]:
                pending.discard(item)
                if item[2] > last_verdicts.get(item[1], 0) and not facts.restores:
                    yield f"the feed told of verdict {item[2]} of {item[1]} before it was committed ({item[0]:.3f})"
    for (agent, verdict_seq), n in heard.items():
        if n > 1 + facts.restores:  # what was committed before is committed anew
            yield f"the feed told {n} times of verdict {verdict_seq} of {agent}"


# ---------------------------------------------------------------- I9, I11, I16, and verdicts at the provinces

def i9_alive(facts):
    """When the faults are over, a fresh report gets its verdict."""
    for name, took in facts.recovery_s.items():
        if took is None:
            yield f"{name}: a fresh report had no verdict after {FRESH_PATIENCE_S} s"


def i11_revoked(facts):
    """Nothing of an agent is committed after its key's revocation is."""
    for agent_no, at in facts.revocations:
        for row in facts.reports:
            if row.agent_no == agent_no and row.committed_at > at:
                yield f"{facts.where(row.report_no)} was committed at {row.committed_at}, after the revocation at {at}"


def i16_recovery(facts):
    """Recovery takes no longer than its bound."""
    for name, took in facts.recovery_s.items():
        if took is not None and took > facts.recovery_max_s:
            yield f"{name}: a fresh report had its verdict after {took:.1f} s; {facts.recovery_max_s} s is the most"


def verdicts_agree(facts):
    """A province holds, for every report, the verdict that the store has, word for word."""
    numbers = {a.agent: a.agent_no for a in facts.agents}
    for name, outbox in facts.outboxes.items():
        at_store = {v.verdict_seq: v for v in facts.verdicts if v.agent_no == numbers.get(name)}
        here = {v[0]: v for v in outbox.verdicts}
        digests = {r.report_no: r.digest for r in facts.reports}
        for seq, v in at_store.items():
            s = facts.stream(v.report_no >> SEQ_BITS)
            want = (seq, s.epoch if s else "", v.report_no & (1 << SEQ_BITS) - 1, digests.get(v.report_no), v.outcomes)
            if seq not in here:
                if not facts.retention_s:
                    yield f"{name} does not have verdict {seq}"
            elif here[seq] != want:
                yield f"{name}: verdict {seq} is {describe(here[seq])} here and {describe(want)} in the store"
        for seq in set(here) - set(at_store):
            yield f"{name} has verdict {seq}, which the store never gave"


def describe(verdict):
    _, epoch, seq, d, outcomes = verdict
    return f"{epoch[:8]}/{seq} {d.hex()[:12] if d else '-'} {list(outcomes)}"


CHECKS = {
    "I1": i1_exactly_once, "I2": i2_byte_for_byte, "I2 chain": chains, "I3": i3_never_ahead, "I4": i4_watermark_is_the_count,
    "I5": i5_never_back, "I6": i6_all_or_none, "I7": i7_trim, "I8": i8_refused_at_the_door, "I9": i9_alive,
    "I10": i10_nobody_elses, "I11": i11_revoked, "I12": i12_bounds, "I13": i13_order, "I14": i14_feed,
    "I15": i15_books_balance, "I16": i16_recovery, "verdicts": verdicts_agree,
}
WHILE_IT_RAN = ("I3", "I5", "I7", "I12")  # what can be asked also when a cell broke off
COMPLAINTS_MAX = 8  # of one check; the rest is counted


def complaints(facts, names=tuple(CHECKS)):
    """Everything that is wrong, each with the invariant that it breaks."""
    found = []
    for name in names:
        mine = list(CHECKS[name](facts))
        found += [f"{name}: {text}" for text in mine[:COMPLAINTS_MAX]]
        if len(mine) > COMPLAINTS_MAX:
            found.append(f"{name}: and {len(mine) - COMPLAINTS_MAX} more")
    return found
