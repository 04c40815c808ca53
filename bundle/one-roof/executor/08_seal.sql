-- Tier 8: asserts the end state and records it. After the seal no tier is accepted.
\set ON_ERROR_STOP on
\set tier 8
\set tier_name seal
\set release one-roof
\set version 1.0.0
\ir common/enter_tier.sql

do $precondition$
declare
    fault text;
begin
    select string_agg(what, '; ') into fault
    from (values
        ('there are gaps',                 exists (select from one_roof.coverage where authority is null)),
        ('an owner is not the assigned one', exists (select from one_roof.divergence)),
        ('a collection is outside its domain', exists (select from one_roof.containment_status where not contained)),
        ('there are critical findings',    exists (select from one_roof.critical_finding)),
        ('a candidate is not active',      exists (select from one_roof.candidate where status <> 'active')),
        ('emit is not fail-closed',        (select state from one_roof.emit_state) <> 'fail-closed'),
        ('an endpoint has no view',        exists (select from one_roof.ui_endpoint
                                                    where to_regclass('one_roof.' || view_name) is null))
    ) as checks (what, broken)
    where broken;
    if fault is not null then
        raise exception 'not sealed: %', fault;
    end if;
end
$precondition$;

insert into one_roof.seal (release, version, ratified_apr, ownership, gap)
select :'release', :'version', :'ratified_apr',
       count(authority), count(*) - count(authority)
from one_roof.coverage;

comment on schema one_roof is 'One-Roof governance, release one-roof 1.0.0';
\echo sealed: :release :version on :ratified_apr
