create table pgseal.ledger (
    id bigint generated always as identity primary key,
    format integer not null default 1 constraint ledger_format_check check (format = 1),
    at timestamptz not null default transaction_timestamp(),
    action text not null check (action in ('run', 'rollback')),
    release text not null,
    version text not null,
    sequence bigint not null,
    release_id text not null check (release_id ~ '^[0-9a-f]{64}$'),
    run_id text not null unique,
    transaction_id text not null,
    role text not null default current_user,
    variables jsonb not null,
    signers text not null,
    pgseal text not null,
    approvals jsonb not null default '[]',
    trust_version bigint,
    trust_sha256 text,
    operator text,
    host text,
    server_version text,
    system_identifier text,
    timeline bigint,
    before jsonb,
    requires jsonb not null default '[]',
    conflicts jsonb not null default '[]'
);
comment on table pgseal.ledger is
    'one row for each run or rollback, written in its first transaction; rows are only added';
create table pgseal.steps (
    id bigint generated always as identity primary key,
    run_id text not null,
    by_run text not null,
    at timestamptz not null default clock_timestamp(),
    happened text not null check (happened in
        ('tier', 'committed', 'started', 'done', 'failed', 'found', 'again', 'finished')),
    tier text,
    statement integer,
    place text,
    verb text,
    sql_sha256 text,
    rows bigint,
    milliseconds bigint,
    transaction_id text,
    evidence jsonb,
    role text not null default session_user
);
create index steps_run_id on pgseal.steps (run_id);
comment on table pgseal.steps is
    'the progress of a run: its tiers, and each statement outside of a transaction; rows are only added';
comment on column pgseal.steps.by_run is 'the run itself, or the run --resume that continued it';
create function pgseal.refuse_change() returns trigger language plpgsql as $$
    begin
        raise exception 'rows of the ledger are only added, never changed or removed'
            using hint = 'a rollback adds a row of its own';
    end $$;
revoke all on function pgseal.refuse_change() from public;
comment on function pgseal.refuse_change() is 'against mistakes, not against owners, who can drop it';
create trigger only_added before update or delete on pgseal.ledger
    for each row execute function pgseal.refuse_change();
create trigger not_emptied before truncate on pgseal.ledger
    for each statement execute function pgseal.refuse_change();
create trigger only_added before update or delete on pgseal.steps
    for each row execute function pgseal.refuse_change();
create trigger not_emptied before truncate on pgseal.steps
    for each statement execute function pgseal.refuse_change();
create view pgseal.runs as
    select l.id, l.at, l.action, l.release, l.version, l.sequence, l.release_id, l.run_id,
           case when f.id is not null then 'finished'
                when exists (select from pgseal.ledger r
                             where r.action = 'rollback' and r.release_id = l.release_id and r.id > l.id)
                     then 'rolled back half way'
                else 'unfinished' end as progress,
           f.at as finished, l.role, l.operator, l.host, l.variables, l.signers, l.approvals,
           l.before, f.evidence as after, l.requires, l.conflicts, l.server_version, l.system_identifier, l.timeline, l.pgseal
    from pgseal.ledger l
    left join lateral (select s.* from pgseal.steps s
                       where s.run_id = l.run_id and s.happened = 'finished' order by s.id limit 1) f on true;
comment on view pgseal.runs is 'each run and rollback, its progress, and the states before and after';
create view pgseal.in_effect as
    select r.* from pgseal.runs r
    where r.action = 'run' and r.progress = 'finished'
      and not exists (select from pgseal.ledger l where l.release_id = r.release_id and l.id > r.id);
comment on view pgseal.in_effect is 'the releases that ran here and were not rolled back';
comment on schema pgseal is
    'ledger of signed releases, format 1; written by pgseal, in the transactions of each run'
