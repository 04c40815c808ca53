-- The acceptance test of the finished release: 26 checks, no writes.
\ir common/expected.sql

\echo coverage
select 'collections are registered' as name, count(*) = :inventory as ok, count(*)::text as detail
from public.governed_collections
union all
select 'scopes are registered', count(*) = :scopes, count(*)::text
from public.governance_scopes
union all
select 'every pair is owned', count(authority) = :pairs, count(authority)::text
from one_roof.coverage
union all
select 'gap is closed', count(*) = 0, count(*)::text
from one_roof.coverage where authority is null
union all
select 'each collection is owned in every scope', count(*) = :inventory, count(*)::text
from (select collection from public.ownership group by collection having count(distinct scope) = :scopes) as full_collections
union all
select 'each scope is owned in every collection', count(*) = :scopes, count(*)::text
from (select scope from public.ownership group by scope having count(distinct collection) = :inventory) as full_scopes;

\echo authority
select 'the four authorities and no other' as name,
       array_agg(distinct authority order by authority)
           = array['GOV-COUNCIL', 'GOV-DOT', 'GOV-KG-SYS', 'GOV-MOIT'] as ok,
       string_agg(distinct authority, ', ' order by authority) as detail
from public.ownership
union all
select 'one authority for each collection', coalesce(max(authorities), 0) = 1, 'at most ' || max(authorities)
from (select count(distinct authority) as authorities from public.ownership group by collection) as per_collection
union all
select 'the split is 8, 11, 9 and 7',
       jsonb_object_agg(authority, collections)
           = '{"GOV-COUNCIL": 8, "GOV-KG-SYS": 11, "GOV-DOT": 9, "GOV-MOIT": 7}',
       string_agg(authority || ' ' || collections, ', ' order by authority)
from (select authority, count(distinct collection) as collections from public.ownership group by authority) as split
union all
select 'owners are the assigned ones', count(*) = 0, count(*)::text
from one_roof.divergence
union all
select 'ownership names the proposal of this run',
       count(*) = :pairs and bool_and(o.ratified_apr = :'ratified_apr'),
       string_agg(distinct o.ratified_apr, ', ')
from one_roof.candidate c
join public.ownership o on o.collection = c.collection and o.scope = c.scope
union all
select 'that proposal is ratified', count(*) = 1, :'ratified_apr'
from public.os_proposal_approvals
where apr = :'ratified_apr' and decision = 'ratified'
union all
select 'candidates are active', count(*) = :pairs and bool_and(status = 'active'), count(*)::text
from one_roof.candidate where axis = 'responsibility';

\echo containment
select 'collections inside their domain' as name, count(*) = :inventory as ok, count(*)::text as detail
from one_roof.containment_status where contained
union all
select 'collections outside', count(*) = 0, count(*)::text
from one_roof.containment_status where not contained
union all
select 'every domain has one holder', count(*) = 0, count(*)::text
from (select c.domain
        from public.governed_collections c
        left join one_roof.authority_domain d on d.domain = c.domain
       group by c.domain having count(distinct d.authority) <> 1) as unheld
union all
select 'no open conflict', count(*) = 0, count(*)::text
from public.governance_conflicts where not resolved
union all
select 'no critical finding', count(*) = 0, count(*)::text
from one_roof.critical_finding;

\echo emission
select 'emit is fail-closed' as name, state = 'fail-closed' as ok, state as detail
from one_roof.emit_state
union all
select 'the guard is enabled', guarded, guarded::text
from one_roof.emit_state
union all
select 'no event type is active', active_types = 0, active_types::text
from one_roof.emit_state
union all
select 'no dispatcher exists', dispatchers = 0, dispatchers::text
from one_roof.emit_state
union all
select 'no event was emitted', count(*) = 0, count(*)::text
from public.governance_events where emit;

\echo structure
select 'eight tiers in order' as name,
       array_agg(name order by tier) = array['structure', 'responsibility_axis', 'ownership_seed', 'containment',
           'candidate_materialization', 'emit_guard', 'ui_views', 'seal'] as ok,
       count(*)::text as detail
from one_roof.tier_log
union all
select 'the seal names the proposal of this run', count(*) = 1 and bool_and(ratified_apr = :'ratified_apr'), count(*)::text
from one_roof.seal
union all
select 'the user interface counts every issue',
       (body ->> 'total')::bigint = (select count(*) from public.system_issues), body ->> 'total'
from one_roof.ui_issues;
