-- The database in shadow mode: the structure is there, and nobody is accountable for anything.
-- claims: rows that name an authority for a collection, a scope or a domain, and the seal.
select (select count(*) from one_roof.coverage where authority is null) as gap,
       (select count(*) from public.os_proposal_approvals where decision = 'ratified') as ospa,
       (select count(*) from public.ownership) as ownership,
       (select count(*) from public.governance_conflicts where not resolved) as conflict,
       (select count(*) from public.governance_events where emit) as gov_emit,
       (select count(*) from public.governed_collections) as inventory,
       (select count(*) from public.governance_scopes) as scopes,
       (select string_agg(axis, ',' order by axis) from one_roof.axis where active) as axis,
       (select count(*) from one_roof.assignment)
         + (select count(*) from one_roof.authority_domain)
         + (select count(*) from one_roof.containment)
         + (select count(*) from one_roof.candidate)
         + (select count(*) from one_roof.seal) as claims,
       (select value from public.emit_settings where name = 'governance.emit') as emit,
       (select count(*) from one_roof.tier_log) as tiers,
       (select count(*) from public.system_issues) as system_issues;
