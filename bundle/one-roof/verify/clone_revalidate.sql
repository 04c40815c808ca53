-- Re-derives the invariants from the tables that exist with and without the release,
-- by other means than the probes. It holds before the run, after it, and after a rollback;
-- it does not hold in between.
\ir common/expected.sql

with gap as (
    select collection, scope from public.governed_collections, public.governance_scopes
    except
    select collection, scope from public.ownership
),
facts as (
    select (select count(*) from gap) as gaps,
           (select count(*) from public.ownership) as owned,
           to_regclass('one_roof.axis') is not null as axis,
           exists (select from pg_catalog.pg_trigger t
                    where t.tgrelid = to_regclass('public.governance_events')
                      and t.tgname = 'one_roof_emit_guard' and t.tgenabled <> 'D') as guarded,
           (select value from public.emit_settings where name = 'governance.emit') as emit
)
select 'inventory' as name, count(*) = :inventory as ok, count(*) || ' collections' as detail
from public.governed_collections
union all
select 'scopes', count(*) = :scopes, count(*) || ' scopes'
from public.governance_scopes
union all
select 'pairs add up', owned + gaps = :pairs, owned || ' owned, ' || gaps || ' open'
from facts
union all
select 'all or nothing', gaps in (0, :pairs), 'gap ' || gaps
from facts
union all
select 'axis is there exactly when the gap is closed', axis = (gaps = 0), 'axis ' || axis || ', gap ' || gaps
from facts
union all
select 'guard is there exactly when the gap is closed', guarded = (gaps = 0), 'guard ' || guarded || ', gap ' || gaps
from facts
union all
select 'emit setting fits', emit = case when gaps = 0 then 'fail-closed' else 'unset' end, 'emit ' || emit
from facts
union all
select 'every owner rests on a ratified proposal', count(*) = 0, count(*) || ' without one'
from public.ownership o
left join public.os_proposal_approvals a on a.apr = o.ratified_apr and a.decision = 'ratified'
where a.apr is null
union all
select 'no open conflict', count(*) = 0, count(*) || ' open'
from public.governance_conflicts
where not resolved
union all
select 'nothing was emitted', count(*) = 0, count(*) || ' events marked'
from public.governance_events
where emit
union all
select 'issues are untouched',
       count(*) = :issues and min(id) = 1 and max(id) = :issues and count(distinct collection) = :inventory,
       count(*) || ' issues'
from public.system_issues
union all
select 'no DOT was asked to run', count(*) = 0, count(*) || ' requests'
from public.dot_run_requests;
