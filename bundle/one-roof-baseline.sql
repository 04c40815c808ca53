-- The database before the One-Roof release: the reference fixture.
-- Run it once in an empty database called "directus".
-- Nothing here depends on a clock or on chance: two loads give the same rows.

\set issues 204556

-- The role of the user interface. Roles belong to the server, so it may be there already.
do $role$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'directus_reader') then
        create role directus_reader nologin;
    end if;
end
$role$;

\echo one-roof baseline: tables

create table public.governance_authorities (
    code  text primary key,
    title text not null
);

create table public.governed_collections (
    collection  text primary key,
    ordinal     smallint not null unique,
    domain      text not null,
    criticality text not null check (criticality in ('standard', 'critical')),
    title       text not null
);

create table public.governance_scopes (
    scope   text primary key,
    ordinal smallint not null unique,
    about   text not null
);

create table public.os_proposals (
    apr       text primary key check (apr ~ '^APR-[A-Z0-9-]+$'),
    title     text not null,
    l2_quorum smallint not null check (l2_quorum >= 1)
);

create table public.os_proposal_votes (
    apr    text not null references public.os_proposals,
    level  text not null check (level in ('L2', 'L4')),
    person text not null,
    vote   text not null check (vote in ('approve', 'reject', 'e-sign')),
    primary key (apr, level, person),
    check ((level = 'L4') = (vote = 'e-sign'))
);

create table public.os_proposal_approvals (
    apr         text primary key references public.os_proposals,
    decision    text not null check (decision in ('ratified', 'withdrawn')),
    recorded_by text not null
);

create table public.ownership (
    collection   text not null references public.governed_collections,
    scope        text not null references public.governance_scopes,
    authority    text not null references public.governance_authorities,
    ratified_apr text not null references public.os_proposals,
    source       text not null,
    primary key (collection, scope)
);

create index ownership_authority on public.ownership (authority);

create table public.governance_conflicts (
    conflict_id bigint primary key,
    collection  text not null references public.governed_collections,
    scope       text not null references public.governance_scopes,
    claimant    text not null references public.governance_authorities,
    resolved    boolean not null default false
);

create table public.emit_settings (
    name  text primary key,
    value text not null
);

create table public.event_type_registry (
    event_type text primary key,
    active     boolean not null default false,
    about      text not null
);

create table public.governance_events (
    event_id   bigint primary key,
    event_type text not null references public.event_type_registry,
    collection text not null references public.governed_collections,
    payload    jsonb not null default '{}',
    emit       boolean not null default false
);

create table public.system_issues (
    id         bigint primary key,
    collection text not null,
    kind       text not null,
    severity   text not null check (severity in ('low', 'medium', 'high')),
    status     text not null check (status in ('open', 'resolved', 'ignored')),
    opened_on  date not null,
    title      text not null
);

\echo one-roof baseline: the DOT boundary

create table public.dot_registry (
    dot_code text primary key,
    runner   text not null check (runner = 'outside'),
    about    text not null
);

create table public.birth_registry (
    entity_kind text not null,
    entity_code text not null,
    primary key (entity_kind, entity_code)
);

create table public.dot_run_requests (
    request_id bigint primary key,
    dot_code   text not null references public.dot_registry
);

create function public.dot_birth() returns trigger
language plpgsql set search_path = pg_catalog
as $function$
begin
    if tg_op = 'INSERT' then
        insert into public.birth_registry (entity_kind, entity_code) values ('dot', new.dot_code);
        return new;
    end if;
    delete from public.birth_registry where entity_kind = 'dot' and entity_code = old.dot_code;
    return old;
end
$function$;

create trigger dot_birth after insert or delete on public.dot_registry
    for each row execute function public.dot_birth();

create function public.dot_run_refused() returns trigger
language plpgsql set search_path = pg_catalog
as $function$
begin
    raise exception 'DOT % runs outside the database; a request here is refused', new.dot_code
        using errcode = 'insufficient_privilege';
end
$function$;

create trigger dot_run_refused before insert or update on public.dot_run_requests
    for each row execute function public.dot_run_refused();

\echo one-roof baseline: registers

insert into public.governance_authorities (code, title) values
    ('GOV-COUNCIL', 'Governance Council'),
    ('GOV-KG-SYS',  'Knowledge graph system'),
    ('GOV-DOT',     'DOT automation'),
    ('GOV-MOIT',    'Reference data and interfaces');

insert into public.governance_scopes (scope, ordinal, about) values
    ('definition', 1, 'what a record means'),
    ('custody',    2, 'where it is kept'),
    ('access',     3, 'who may see it'),
    ('change',     4, 'who may change it'),
    ('quality',    5, 'who answers for mistakes'),
    ('retention',  6, 'how long it lives');

insert into public.governed_collections (ordinal, collection, domain, criticality, title) values
    ( 1, 'governance_charters', 'charter',    'critical', 'Governance charters'),
    ( 2, 'authority_mandates',  'charter',    'critical', 'Mandates of the authorities'),
    ( 3, 'role_definitions',    'charter',    'critical', 'Role definitions'),
    ( 4, 'decision_register',   'charter',    'standard', 'Register of decisions'),
    ( 5, 'policy_statements',   'charter',    'standard', 'Policy statements'),
    ( 6, 'dispute_cases',       'appeals',    'standard', 'Disputes'),
    ( 7, 'exception_requests',  'appeals',    'standard', 'Requests for an exception'),
    ( 8, 'review_minutes',      'appeals',    'standard', 'Minutes of reviews'),
    ( 9, 'kg_entities',         'knowledge',  'critical', 'Entities'),
    (10, 'kg_relations',        'knowledge',  'critical', 'Relations'),
    (11, 'kg_labels',           'knowledge',  'standard', 'Labels'),
    (12, 'kg_label_rules',      'knowledge',  'standard', 'Rules for labels'),
    (13, 'kg_topics',           'knowledge',  'standard', 'Topics'),
    (14, 'kg_sources',          'knowledge',  'standard', 'Sources'),
    (15, 'kg_mappings',         'knowledge',  'standard', 'Mappings'),
    (16, 'embedding_sets',      'retrieval',  'standard', 'Embedding sets'),
    (17, 'retrieval_profiles',  'retrieval',  'standard', 'Retrieval profiles'),
    (18, 'chunk_registry',      'retrieval',  'standard', 'Text chunks'),
    (19, 'search_synonyms',     'retrieval',  'standard', 'Search synonyms'),
    (20, 'dot_catalogue',       'automation', 'critical', 'Catalogue of DOTs'),
    (21, 'dot_parameters',      'automation', 'standard', 'Parameters of DOTs'),
    (22, 'dot_schedules',       'automation', 'standard', 'Schedules'),
    (23, 'dot_outcomes',        'automation', 'standard', 'Outcomes'),
    (24, 'dot_handlers',        'automation', 'critical', 'Handlers'),
    (25, 'workflow_templates',  'automation', 'standard', 'Workflow templates'),
    (26, 'birth_records',       'lineage',    'critical', 'Birth records'),
    (27, 'lineage_edges',       'lineage',    'standard', 'Lineage'),
    (28, 'migration_batches',   'lineage',    'standard', 'Migration batches'),
    (29, 'country_codes',       'reference',  'standard', 'Country codes'),
    (30, 'industry_codes',      'reference',  'standard', 'Industry codes'),
    (31, 'units_of_measure',    'reference',  'standard', 'Units of measure'),
    (32, 'trade_categories',    'reference',  'standard', 'Trade categories'),
    (33, 'interface_contracts', 'interfaces', 'critical', 'Interface contracts'),
    (34, 'import_profiles',     'interfaces', 'standard', 'Import profiles'),
    (35, 'partner_directory',   'interfaces', 'standard', 'Partner directory');

insert into public.os_proposals (apr, title, l2_quorum) values
    ('APR-BOOT-STRUCTURE-1', 'The empty structure of One-Roof: nobody becomes accountable', 2),
    ('APR-BOOT-AUTHMODEL-1', 'Authorization model: who is accountable for what', 2),
    ('APR-AXIS-TOPIC-1',     'A second axis of ownership: topic', 2),
    ('APR-EMIT-ACTIVATE-1',  'Let governance events leave the house', 3);

-- The owner has authorised the structure. The authorization model waits for its ratification.
insert into public.os_proposal_votes (apr, level, person, vote) values
    ('APR-BOOT-STRUCTURE-1', 'L4', 'president', 'e-sign');

insert into public.emit_settings (name, value) values
    ('governance.emit', 'unset'),
    ('governance.log',  'on');

insert into public.event_type_registry (event_type, active, about) values
    ('gov.ownership.assigned',   false, 'an authority took a collection'),
    ('gov.ownership.withdrawn',  false, 'an authority gave a collection back'),
    ('gov.containment.breached', false, 'a collection left its domain'),
    ('gov.conflict.opened',      false, 'two authorities claim one scope'),
    ('gov.conflict.closed',      false, 'a claim was settled'),
    ('gov.proposal.ratified',    false, 'a proposal was ratified');

insert into public.governance_events (event_id, event_type, collection, payload)
select c.ordinal, 'gov.ownership.withdrawn', c.collection, jsonb_build_object('note', 'recorded, never sent')
from public.governed_collections c;

insert into public.dot_registry (dot_code, runner, about) values
    ('DOT-LABEL-AUDIT', 'outside', 'compares labels with their rules'),
    ('DOT-LINK-CHECK',  'outside', 'looks for sources that are gone');

\echo one-roof baseline: :issues issues

insert into public.system_issues (id, collection, kind, severity, status, opened_on, title)
select n,
       c.collection,
       (array['missing-owner', 'stale-link', 'schema-drift', 'duplicate', 'orphan'])[1 + n % 5],
       (array['low', 'low', 'medium', 'high'])[1 + n % 4],
       (array['resolved', 'open', 'resolved', 'ignored', 'resolved', 'open', 'resolved'])[1 + n % 7],
       date '2024-01-01' + n % 880,
       format('Issue %s in %s', n, c.collection)
from generate_series(1, :issues) as n
join public.governed_collections c on c.ordinal = 1 + n / 7 % 35;

create index system_issues_collection on public.system_issues (collection, status);

alter table public.system_issues
    add constraint system_issues_collection_fkey
    foreign key (collection) references public.governed_collections;

\echo one-roof baseline: done
