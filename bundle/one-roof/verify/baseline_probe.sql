-- The database before the release, and again after its rollback.
-- It names no object of the release, so it can be asked at any time.
-- idle: sessions that have done nothing within a transaction for more than a second. Their locks could make the run wait.
select (select count(*) from public.governed_collections c
         cross join public.governance_scopes s
         where not exists (select from public.ownership o
                            where o.collection = c.collection and o.scope = s.scope)) as gap,
       (select count(*) from public.os_proposal_approvals where decision = 'ratified') as ospa,
       (select count(*) from public.ownership) as ownership,
       (select count(*) from public.governance_conflicts where not resolved) as conflict,
       (select count(*) from public.governance_events where emit) as gov_emit,
       (select count(*) from public.governed_collections) as inventory,
       (select count(*) from public.governance_scopes) as scopes,
       case when to_regclass('one_roof.axis') is null then 'absent' else 'present' end as axis,
       to_regnamespace('one_roof') is not null as one_roof,
       (select value from public.emit_settings where name = 'governance.emit') as emit,
       (select count(*) from pg_catalog.pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()
           and state like 'idle in transaction%' and now() - state_change > interval '1 second') as idle,
       (select count(*) from public.system_issues) as system_issues;
