# Compares the Parquet file with the lines of one audit, path by path; then runs typical queries on it.
import duckdb, json, sys
from datetime import datetime
parquet, jsonl = sys.argv[1:]
con = duckdb.connect()
# Times as seconds: timestamps in Python would need one more package.
said = con.execute("""
    select * replace (epoch(as_of) as as_of, epoch(modified) as modified, epoch(started) as started, epoch(finished) as finished,
        list_transform(signers, lambda s: {key_id: s.key_id, owner: s.owner, evidence: s.evidence, since: epoch(s.since), why_not: s.why_not}) as signers,
        list_transform(approvals, lambda a: {key_id: a.key_id, owner: a.owner, role: a.role, decision: a.decision, apr: a.apr, said_at: epoch(a.said_at), why_not: a.why_not}) as approvals)
    from read_parquet(?)""", [parquet])
columns = [column[0] for column in said.description]
rows = [dict(zip(columns, row)) for row in said.fetchall()]
lines = [json.loads(line) for line in open(jsonl)]
assert [row['path'] for row in rows] == [line['path'] for line in lines], 'in the order of the findings'
seconds = lambda at: at and datetime.fromisoformat(at.replace('Z', '+00:00')).timestamp()
for row, line in zip(rows, lines):
    facts = line['facts'] or {}
    release = facts.get('release') or {}
    same = lambda name, a, b: (a == b) or sys.exit(f"{line['path']}: {name}: {a!r}, {b!r}")
    for name in ['kind', 'bytes', 'trust_sha256', 'faults', 'notes']:
        same(name, row[name], line[name])
    for name in ['as_of', 'modified']:
        same(name, row[name], seconds(line[name]))
    same('release', row['release'], release.get('name'))
    for name in ['version', 'sequence']:
        same(name, row[name], release.get(name))
    same('release_id', row['release_id'], release.get('id'))
    for word in ['then', 'now']:
        verdict = facts.get(word) or {}
        same(word, row['authentic_' + word], verdict.get('authentic'))
        same(word, row['why_not_' + word], verdict.get('why_not'))
    same('files', row['files'], facts.get('files'))
    same('blocked', row['blocked'], facts.get('blocked'))
    signers = [dict(key_id=s['key_id'], owner=s['owner'], evidence=s['evidence']['level'],
                    since=seconds(s['evidence']['at']), why_not=s['why_not']) for s in facts.get('signers', [])]
    same('signers', row['signers'], signers)
    approvals = [dict(key_id=a['key_id'], owner=a['owner'], role=a['role'], decision=a['decision'], apr=a['apr'],
                      said_at=seconds(a['at']), why_not=a['why_not']) for a in facts.get('approvals', [])]
    same('approvals', row['approvals'], approvals)
    same('trust_version', row['trust_version'], (facts.get('trust_root') or {}).get('version'))
    ran = facts.get('receipt') or facts.get('rehearsal') or {}
    for name in ['started', 'finished']:
        same(name, row[name], seconds(ran.get(name)))
    for name in ['outcome', 'database']:
        same(name, row[name], ran.get(name))
    for name in ['action', 'run_id', 'apr', 'system_identifier']:
        same(name, row[name], (facts.get('receipt') or {}).get(name))
    for name in ['user', 'host']:
        same(name, row[name + '_name'], (facts.get('receipt') or {}).get(name))
joined = con.execute('select count(*) from read_parquet(?) p join read_json(?) j using (path, kind)', [parquet, jsonl]).fetchone()
assert joined == (len(lines),), joined
print(con.execute('select f.kind, count(*) from (select unnest(faults) f from read_parquet(?)) group by all order by all', [parquet]).fetchall())
print(con.execute("select s.owner, count(*) from (select unnest(signers) s from read_parquet(?) where kind = 'bundle') group by all", [parquet]).fetchall())
print(con.execute('select created_by from parquet_file_metadata(?)', [parquet]).fetchone()[0])
