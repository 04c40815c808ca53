-- Tier 4: each collection sits inside a domain that its authority holds.
\set ON_ERROR_STOP on
\set tier 4
\set tier_name containment
\ir common/enter_tier.sql

insert into one_roof.containment (collection, authority, domain)
select a.collection, a.authority, c.domain
from one_roof.assignment a
join public.governed_collections c on c.collection = a.collection;

insert into one_roof.authority_domain (authority, domain) values
    ('GOV-COUNCIL', 'charter'),
    ('GOV-COUNCIL', 'appeals'),
    ('GOV-KG-SYS',  'knowledge'),
    ('GOV-KG-SYS',  'retrieval'),
    ('GOV-DOT',     'automation'),
    ('GOV-DOT',     'lineage'),
    ('GOV-MOIT',    'reference'),
    ('GOV-MOIT',    'interfaces');

-- Looks at the collection as it is today, not at the row written above. A join cannot be updated.
create view one_roof.containment_status as
select c.collection, c.ordinal, c.domain, c.accountable_authority as authority, d.domain is not null as contained
from public.governed_collections c
left join one_roof.containment k
       on k.collection = c.collection and k.domain = c.domain and k.authority = c.accountable_authority
left join one_roof.authority_domain d on d.authority = k.authority and d.domain = k.domain;

do $postcondition$
declare
    outside text;
begin
    select string_agg(collection, ', ' order by ordinal) into outside
    from one_roof.containment_status where not contained;
    if outside is not null then
        raise exception 'outside every domain of their authority: %', outside;
    end if;
end
$postcondition$;
