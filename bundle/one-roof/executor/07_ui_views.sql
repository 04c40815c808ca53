-- Tier 7: eight read-only views for the user interface; each is one row with a JSON body.
\set ON_ERROR_STOP on
\set tier 7
\set tier_name ui_views
\ir common/enter_tier.sql

create index one_roof_open_issues on public.system_issues (collection, severity) where status = 'open';

create view one_roof.ui_overview as
select jsonb_build_object(
           'inventory', (select count(*) from public.governed_collections),
           'scopes',    (select count(*) from public.governance_scopes),
           'owned',     (select count(*) from one_roof.coverage where authority is not null),
           'gap',       (select count(*) from one_roof.coverage where authority is null),
           'critical',  (select count(*) from one_roof.critical_finding),
           'emit',      (select state from one_roof.emit_state)) as body;

create view one_roof.ui_collections as
select jsonb_agg(jsonb_build_object(
           'collection', collection, 'title', title, 'domain', domain,
           'criticality', criticality, 'authority', accountable_authority) order by ordinal) as body
from public.governed_collections;

create view one_roof.ui_scopes as
select jsonb_agg(jsonb_build_object('scope', scope, 'about', about) order by ordinal) as body
from public.governance_scopes;

create view one_roof.ui_authorities as
select jsonb_agg(jsonb_build_object(
           'authority', code, 'title', title,
           'collections', (select count(*) from one_roof.assignment a where a.authority = code),
           'domains', (select jsonb_agg(d.domain order by d.domain)
                         from one_roof.authority_domain d where d.authority = code)) order by code) as body
from public.governance_authorities;

create view one_roof.ui_coverage as
select jsonb_object_agg(collection, scopes) as body
from (
    select collection, jsonb_object_agg(scope, authority) as scopes
    from one_roof.coverage
    group by collection
) as per_collection;

create view one_roof.ui_containment as
select jsonb_build_object(
           'contained', count(*) filter (where contained),
           'outside',   count(*) filter (where not contained),
           'collections', jsonb_agg(jsonb_build_object(
               'collection', collection, 'domain', domain, 'contained', contained) order by ordinal)) as body
from one_roof.containment_status;

create view one_roof.ui_issues as
select jsonb_build_object(
           'total', (select count(*) from public.system_issues),
           'open', coalesce(sum(issues), 0),
           'by_severity', coalesce(jsonb_object_agg(severity, issues), '{}')) as body
from (
    select severity, count(*) as issues
    from public.system_issues
    where status = 'open'
    group by severity
) as open_issues;

create view one_roof.ui_emit as
select jsonb_build_object(
           'state', state, 'setting', setting, 'guarded', guarded,
           'active_types', active_types, 'dispatchers', dispatchers) as body
from one_roof.emit_state;

insert into one_roof.ui_endpoint (endpoint, view_name) values
    ('/governance/overview',    'ui_overview'),
    ('/governance/collections', 'ui_collections'),
    ('/governance/scopes',      'ui_scopes'),
    ('/governance/authorities', 'ui_authorities'),
    ('/governance/coverage',    'ui_coverage'),
    ('/governance/containment', 'ui_containment'),
    ('/governance/issues',      'ui_issues'),
    ('/governance/emit',        'ui_emit');

-- The user interface reads as directus_reader, and can do nothing else here.
do $readers$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'directus_reader') then
        grant usage on schema one_roof to directus_reader;
        grant select on one_roof.ui_overview, one_roof.ui_collections, one_roof.ui_scopes, one_roof.ui_authorities,
                        one_roof.ui_coverage, one_roof.ui_containment, one_roof.ui_issues, one_roof.ui_emit
                     to directus_reader;
    else
        raise notice 'there is no role directus_reader here: only the owner of the views can read them';
    end if;
end
$readers$;
