-- May the empty structure be built? One row: ready, reason, then the evidence.
-- The structure claims nothing, so the owner's e-signature is enough. It is no ratification:
-- os_proposal_approvals has no row of it.
select l4_signatures >= 1 as ready,
       case
           when l4_signatures >= 1 then
               format('The owner has authorised the empty structure: the L4 e-signature on %s is on record.', apr)
           else
               format('The owner has not authorised the empty structure: the L4 e-signature on %s is missing.', apr)
       end as reason,
       apr,
       l4_signatures
from (select asked.apr,
             (select count(*) from public.os_proposal_votes v
               where v.apr = asked.apr and v.level = 'L4' and v.vote = 'e-sign') as l4_signatures
      from (select 'APR-BOOT-STRUCTURE-1'::text as apr) as asked) as evidence;
