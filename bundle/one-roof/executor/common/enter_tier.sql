-- Included by every tier, which sets :tier and :tier_name first.
-- Refuses a tier that is out of order, already applied, or run for another proposal.
\echo tier :tier of 8: :tier_name
select one_roof.enter_tier(:tier, :'tier_name', :'ratified_apr');
