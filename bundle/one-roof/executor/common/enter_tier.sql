-- Included by every tier, which sets :tier and :tier_name first.
-- Refuses a tier that is out of order, already applied, or run for another proposal.
-- The stage shadow has no proposal, which only tiers 1 and 2 accept.
\echo tier :tier of 8: :tier_name
\if :{?ratified_apr}
select one_roof.enter_tier(:tier, :'tier_name', :'ratified_apr');
\else
select one_roof.enter_tier(:tier, :'tier_name', null);
\endif
