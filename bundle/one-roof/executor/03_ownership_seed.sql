-- Tier 3: one accountable authority for each collection.
-- This list is the assertion that people ratify; a change here needs a new ratification.
\set ON_ERROR_STOP on
\set tier 3
\set tier_name ownership_seed
\ir common/enter_tier.sql

copy one_roof.assignment (collection, authority) from stdin with (delimiter '|');
governance_charters|GOV-COUNCIL
authority_mandates|GOV-COUNCIL
role_definitions|GOV-COUNCIL
decision_register|GOV-COUNCIL
policy_statements|GOV-COUNCIL
dispute_cases|GOV-COUNCIL
exception_requests|GOV-COUNCIL
review_minutes|GOV-COUNCIL
kg_entities|GOV-KG-SYS
kg_relations|GOV-KG-SYS
kg_labels|GOV-KG-SYS
kg_label_rules|GOV-KG-SYS
kg_topics|GOV-KG-SYS
kg_sources|GOV-KG-SYS
kg_mappings|GOV-KG-SYS
embedding_sets|GOV-KG-SYS
retrieval_profiles|GOV-KG-SYS
chunk_registry|GOV-KG-SYS
search_synonyms|GOV-KG-SYS
dot_catalogue|GOV-DOT
dot_parameters|GOV-DOT
dot_schedules|GOV-DOT
dot_outcomes|GOV-DOT
dot_handlers|GOV-DOT
workflow_templates|GOV-DOT
birth_records|GOV-DOT
lineage_edges|GOV-DOT
migration_batches|GOV-DOT
country_codes|GOV-MOIT
industry_codes|GOV-MOIT
units_of_measure|GOV-MOIT
trade_categories|GOV-MOIT
interface_contracts|GOV-MOIT
import_profiles|GOV-MOIT
partner_directory|GOV-MOIT
\.

do $precondition$
declare
    missing text;
begin
    select string_agg(c.collection, ', ' order by c.ordinal) into missing
    from public.governed_collections c
    where not exists (select from one_roof.assignment a where a.collection = c.collection);
    if missing is not null then
        raise exception 'no authority is named for: %', missing;
    end if;
    if (select count(distinct authority) from one_roof.assignment) <> 4 then
        raise exception 'the four authorities must each be accountable for something';
    end if;
end
$precondition$;

alter table public.governed_collections
    add column accountable_authority text references public.governance_authorities;

update public.governed_collections c
set accountable_authority = a.authority
from one_roof.assignment a
where a.collection = c.collection;

create index governed_collections_accountable on public.governed_collections (accountable_authority);

-- A row here is an owner who is not the one that was assigned.
create view one_roof.divergence as
select c.collection, v.scope, a.authority as assigned, c.accountable_authority as accountable,
       v.authority as owner
from public.governed_collections c
join one_roof.coverage v on v.collection = c.collection
left join one_roof.assignment a on a.collection = c.collection
where c.accountable_authority is distinct from a.authority
   or v.authority is distinct from a.authority;
