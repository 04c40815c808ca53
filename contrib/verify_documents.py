"""The form of pgseal's documents for verify.py: grammar of values, fields of documents, canonical JSON (bundle/FORMAT.md 3, 5, 9, 10, 14)."""
import datetime, json, re, unicodedata

def need(holds, why):
    if not holds:
        raise ValueError(why)

# --- values (3.3 to 3.8, 9.13): each rule raises ValueError ---------------------------------------------------------------
def form(pattern, most=1 << 30):
    fits = re.compile(pattern, re.ASCII).fullmatch
    return lambda value: need(isinstance(value, str) and len(value) <= most and fits(value), f"{value!r:.200} is not {pattern}")

def number(least, most=2**53 - 1):
    return lambda value: need(type(value) is int and least <= value <= most, f"{value!r:.99} is not from {least} to {most}")

def time(value):  # 3.4
    form(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(?<!-00T)Z")(value)
    datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    need("1970-01-01T00:00:00Z" <= value <= "9999-12-30T22:00:00Z", f"{value} is out of range")

def database(value):  # 3.8
    need(isinstance(value, str), "a database is a text")
    name = re.sub(r"@[0-9]{1,20}\Z", "", value)
    need(0 < len(name.encode()) <= 63 and not any(unicodedata.category(c) == "Cc" for c in name), f"{value!r:.99} is no database")

def databases(value):
    need(isinstance(value, str) or isinstance(value, list) and len(value) > 1, "neither a database nor a list of two")
    [database(one) for one in ([value] if isinstance(value, str) else value)]

def limit(value):  # 3.3
    form("[1-9][0-9]{0,8}(ms|s|min|h)")(value)
    units, unit = {"h": 3_600_000, "min": 60_000, "s": 1000, "ms": 1}, value.lstrip("0123456789")
    count = int(value[:-len(unit)]) * units[unit]
    need(count <= 86_400_000 and unit == next(name for name in units if count % units[name] == 0), f"{value} is no time limit")

def release_range(value):  # 3.3
    version = "[A-Za-z0-9][A-Za-z0-9.+_-]{0,39}"
    form(f"{NAME}( = {version}| >= {version}(, < {version})?| < {version})?")(value)
    bounds = re.findall("(?:>=|<) ([^,]*)", value)
    need(all(re.fullmatch(r"[0-9]+(\.[0-9]+)*", bound) for bound in bounds), f"{value} can't be ordered")
    parts = [[int(part) for part in bound.split(".")] + [0] * (40 - len(bound.split("."))) for bound in bounds]
    need(len(parts) < 2 or parts[0] < parts[1], f"{value} has no version")

def expectation(value):  # 3.5
    relative = r"unchanged|[+-][0-9]+"
    if isinstance(value, dict) and "text" in value:
        need(len(value) == 1, "text stands alone")
        form(relative)(value["text"])
    elif isinstance(value, dict):
        need(value and value.keys() <= {"min", "max"}, "neither min nor max")
        [number(1 - 2**53)(bound) for bound in value.values()]
        need(value.get("min", -(2**53)) <= value.get("max", 2**53), "min is above max")
    elif isinstance(value, str) and value != "unchanged" and re.fullmatch(relative, value):
        need(re.fullmatch(r"\+0|[+-][1-9][0-9]{0,18}", value) and -(2**63) <= int(value) < 2**63, f"{value} as a difference")
    elif not isinstance(value, (str, bool)):
        number(1 - 2**53)(value)

def window(value):  # 9.13
    day = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
    form(rf"(daily|{day}(-{day})?(,{day}(-{day})?)*) ([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00) UTC")(value)
    need(value[-15:-10] != value[-9:-4], "a window of no length")

def freeze(value):  # 9.13
    need(isinstance(value, str) and value.count("..") == 1, "not a freeze")
    first, last = value.split("..")
    time(first), time(last)
    need(first < last, "a freeze that ends before it begins")

def source_name(value):  # 3.2
    need(isinstance(value, str) and 0 < len(value.encode()) <= 512, "not from 1 to 512 bytes")
    need(not any(c.isspace() or unicodedata.category(c) == "Cc" for c in value), "a blank or a control character")
    authority = re.split("[/?#]", value.partition("://")[2])[0]
    need(":" not in authority.rpartition("@")[0], "a URL with a password")

def origin(value):  # 3.2
    rule("origins")(value)
    need(value, "a source that names nothing")

NAME, SEGMENT, GLOB = "[a-z0-9][a-z0-9_-]{0,39}", "[A-Za-z0-9_][A-Za-z0-9._+@=-]*", "[A-Za-z0-9_*][A-Za-z0-9._+@=*-]*"
MAJOR = r"(0|[1-9][0-9]{0,2})(\.[1-9][0-9]{0,2})?"
VALUES = {
    "Any": lambda value: None, "Text": lambda value: need(isinstance(value, str), "not a text"), "Filled": form("(?s).+"),
    "TextOrNull": lambda value: need(value is None or isinstance(value, str), "not a text or null"),
    "Bool": lambda value: need(isinstance(value, bool), "not true or false"), "True": lambda value: need(value is True, "not true"),
    "One": number(1, 1), "U8": number(0, 255), "U8+1": number(1, 255), "U32": number(0, 2**32 - 1), "U32+1": number(1, 2**32 - 1),
    "U32+2": number(2, 2**32 - 1), "Count": number(0), "Count+1": number(1), "Time": time, "Database": database,
    "Databases": databases, "Limit": limit, "Range": release_range, "Expectation": expectation, "Window": window, "Freeze": freeze,
    "Source": source_name, "Commit": form("[0-9a-f]{40}([0-9a-f]{24})?"), "Origin": origin, "Name": form(NAME), "Version": form("[A-Za-z0-9][A-Za-z0-9.+_-]{0,39}"), "Variable": form("[A-Za-z][A-Za-z0-9_]{0,62}"),
    "Digest": form("[0-9a-f]{64}"), "Path": form(f"{SEGMENT}(/{SEGMENT})*", 100), "Glob": form(f"{GLOB}(/{GLOB})*", 100),
    "Apr": form("[A-Za-z0-9][A-Za-z0-9._:/#-]{0,99}"), "Server": form(f">={MAJOR}(, <{MAJOR})?|<{MAJOR}"),
    "Program": form(r"(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){2}"),
    "Search": lambda value: (rule("Text*")(value), need(value != ["public"], "the default is written")),
    "Row": lambda value: rule("{Text:TextOrNull}")(value)}

# --- documents (3, 9, 10, 14): field and value; `?` may be absent, `*` is a list, `+` one that is not empty, `{:}` an object by key
RECORDS = {
    "release": "name Name, version Version, sequence U32, summary Text",
    "origins": "repository? Source, commit? Commit, builder? Source",
    "target": "database Databases, server? Server, role? Text, system_identifiers? Text+, search_path? Search",
    "variable": "required Bool, pattern? Text, default? Text, about? Filled, rehearsal? 'any", "gate": "name Name, file Path",
    "state": "probe Path, expect {Text:Expectation}", "states": "baseline state, finalized state, rolled_back? state",
    "tier": "name Name, file Path, gates Name*, transaction 'release|none, about? Filled, dispatch? Text+", "rollback": "file Path, dispatch? Text+",
    "script": "name Name, file Path, state 'baseline|finalized|any, mode 'read-only|rolled-back",
    "runbook": "file Path, audience 'owner|operator|auditor|agent",
    "limits": "lock_timeout Limit, statement_timeout Limit, idle_timeout Limit, transaction_timeout? Limit",
    "acknowledged": "rule Name, file Glob, reason Filled, line? U32+1", "stage": "release Name, stage Name",
    "file": "path Path, stored 'raw|gzip, size Count, sha256 Digest",
    "manifest": "format One, minimum_pgseal Program, created? Time, release release, source? Origin, target target, variables {Variable:variable}, gates gate*, "
    "states states, tiers tier*, rollback rollback*, verify script*, runbooks runbook*, limits limits, acknowledged? acknowledged+, reordered? "
    "Text+, require_rehearsal? True, require_no_drift? True, rehearsal_max_age_days? U32+1, stages? Name+, stage_of? stage, requires? Range+, "
    "conflicts? Range+, files file*", "digest": "sha256 Digest", "subject": "name Text, digest digest",
    "any": "_type Any, subject subject*, predicateType Text, predicate Any",
    "approval": "format One, decision 'approve|withdraw, role Name, apr? Apr, release release, target target, at Time, expires? Time, only_on? "
    "Database, runs? U32+2, reason? Text", "seen": "key_id Digest, sha256 Digest, at Time", "notarisation": "format One, signatures seen*",
    "key": "id Digest, public_key Text, owner Text, role Name, status 'active|retired|revoked, not_before? Time, not_after? Time, "
    "compromised_since? Time", "role": "threshold U8+1",
    "authority": "id Digest, certificate Text, owner Text, status 'active|retired|revoked, not_after? Time",
    "policy": "approvals? {Name:U8+1}+, targets? Database+, source_repositories? Source+, require_run_on? Database+, windows? Window+, freezes? Freeze+, minimum_sequence? "
    "{Name:U32}+, blocked_releases? Digest+, require_rehearsal? True, rehearsal_max_age_days? U32+1, require_signed_receipts? True, gate_role? 'any",
    "trust": "format One, version U32+1, prev_sha256? Digest, issued? Time, expires Time, keys key*, roles {Name:role}, policy policy, "
    "timestamp_authorities? authority+", "operator": "user Text, host Text", "by": "version U32, sha256 Digest",
    "server": "database Text, server_version Text, server_version_num U32, role Text, system_identifier? Text, timeline? U32",
    "answer": "name Name, ready Bool, reason Text, evidence Row, asked 'before|first|last",
    "sent": "at Text, verb Text, statements? Count, rows Count, microseconds Count, evidence? Text",
    "done": "name Text, statements Count, rows Count, milliseconds Count, warnings? Text+, transaction_id? Text, sent? sent+",
    "checked": "name Name, held Count, checks Count, failed? Text+", "waited": "for Text, seconds Count",
    "counted": "key_id Digest, sha256 Digest, role Name, apr? Apr, at Time, evidence Text, runs U32+1", "schema": "before Digest, after? Digest",
    "receipt": "format One, run_id Text, action 'run|rollback, outcome 'committed|unchanged|partial|unknown, error? Text, resumes? Text, operator "
    "operator, retries? U32+1, waited? waited+, started Time, finished Time, pgseal Text, release release, signers Digest*, approvals? counted+, "
    "trust by, target server, variables {Text:Text}, gates answer*, before? Row, start? Row, after? Row, schema? schema, not_restored? Text*, tiers "
    "done*, verify checked*, transaction_id? Text, journal_sha256? Digest, signer? Digest",
    "source": "method 'template|dump-restore|dump, database? Text, dump_sha256? Digest, dump_bytes? Count", "opened": "file Text, sha256 Digest",
    "step": "name Text, ok Bool, detail Text, milliseconds Count", "lock": "tier Text, relation Text, mode Text, milliseconds Count",
    "point": "tier Text, at? Text, rollback 'restored|failed|untried",
    "rehearsal": "format One, rehearsal_id Text, outcome 'proved|limited|failed|incomplete, error? Text, operator operator, started Time, finished "
    "Time, pgseal Text, release release, signers Digest*, trust by, source source, clone server, kept Bool, approval? opened, variables "
    "{Text:Text}, gates answer*, steps step*, fingerprints {'source-before|source-after|before|after-run|after-rollback|after-second-run:Digest}, "
    "tiers done*, rollback done*, locks lock*, verify checked*, points? point+, more_points? Count+1, signer? Digest",
    "evidence": "format One, evidence_id Text, kind 'gate|plan|check|report|drift|fingerprint, release? release, at Time, exit U8, target? server, "
    "trust by, operator operator, pgseal Text, answer Any, signer Digest",
    "line": "prev_sha256 Digest, at Time, step {'begin|commit|committed|statement|retry|end:Any}+",
    "begin": "run_id Text, action 'run|rollback, release Text, release_id Digest, target server, trust by, resumes? Text",
    "commit": "transaction_id Text", "committed": "transaction_id Text", "statement": "tier Text, at Text", "retry": "why Text",
    "end": "outcome 'committed|unchanged|partial|unknown"}
TYPES = {"release": "manifest", "receipt": "receipt", "rehearsal": "rehearsal", "approval": "approval", "notarisation": "notarisation"}
TYPES |= dict.fromkeys((f"evidence:{kind}" for kind in ("gate", "plan", "check", "report", "drift", "fingerprint")), "evidence")
TYPES = {f"urn:pgseal:{kind}:v1": name for kind, name in TYPES.items()}
CHECKS = {}

def rule(word):
    """The check of a value that a word of RECORDS names."""
    if word not in CHECKS:
        CHECKS[word] = VALUES[word] if word in VALUES else compiled(word)
    return CHECKS[word]

def compiled(word):
    least, each = word.endswith("+"), rule(word[:-1]) if word[0] not in "'{" and word[-1] in "*+" else None
    if word[0] == "'":
        return lambda value: need(isinstance(value, str) and value in word[1:].split("|"), f"{value!r:.200} is not {word[1:]}")
    if each:
        return lambda value: (need(isinstance(value, list) and len(value) >= least, "no list, or empty"), [each(item) for item in value])
    if word[0] == "{":
        of_key, of_value = map(rule, word.rstrip("+")[1:-1].split(":"))
        return lambda value: (need(isinstance(value, dict) and len(value) >= least, "no object, or empty"),
                              [(of_key(key), of_value(item)) for key, item in value.items()])
    fields = dict(field.split(" ") for field in RECORDS[word].split(", "))
    rules, required = {name.rstrip("?"): rule(value) for name, value in fields.items()}, {name for name in fields if name[-1] != "?"}

    def check(value):
        need(isinstance(value, dict) and required <= value.keys() <= rules.keys(), f"a field of {word} is missing or unknown: {value!r:.300}")
        [rules[key](item) for key, item in value.items()]
    return check

# --- canonical JSON (5) ---------------------------------------------------------------------------------------------------
def pairs(items):
    need(len(dict(items)) == len(items), "a key is there twice")
    return dict(items)

def refuse(value):
    raise ValueError(f"{value:.99} is no integer")

def ordered(value, depth=1):
    """The value with its keys in the order of RFC 8785."""
    need(depth <= 32 or not isinstance(value, (dict, list)), "nested deeper than 32")
    if isinstance(value, list):
        return [ordered(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: ordered(value[key], depth + 1) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
    need(type(value) is not int or abs(value) < 2**53, "a number beyond 53 bits")
    return value

def parse(data, name, canonical=True):
    try:
        value = json.loads(data.decode(), object_pairs_hook=pairs, parse_float=refuse, parse_constant=refuse)
    except RecursionError:
        raise ValueError("nested deeper than 32") from None
    if canonical:
        again = json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":")).encode()
        need(again == data, "JSON is not canonical (RFC 8785)")
    rule(name)(value)
    return value

def parse_statement(data, *names):
    value = parse(data, "any")
    name = TYPES.get(value["predicateType"])
    need(value["_type"] == "https://in-toto.io/Statement/v1" and name in names, "a statement of another type")
    rule(name)(value["predicate"])
    return value
