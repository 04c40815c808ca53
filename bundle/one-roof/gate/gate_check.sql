-- May the release run? One row: ready, reason, then the evidence.
-- An approval counts when it is ratified and the votes behind it are on record:
-- the L2 quorum of the proposal and an L4 e-signature.
with evidence as (
    select asked.apr,
           p.apr is not null as proposed,
           (select count(*) from public.os_proposal_approvals a
             where a.apr = asked.apr and a.decision = 'ratified') as os_proposal_approvals,
           (select count(*) from public.os_proposal_votes v
             where v.apr = asked.apr and v.level = 'L2' and v.vote = 'approve') as l2_votes,
           coalesce(p.l2_quorum, 0)::bigint as l2_quorum,
           (select count(*) from public.os_proposal_votes v
             where v.apr = asked.apr and v.level = 'L4' and v.vote = 'e-sign') as l4_signatures
    from (select :'ratified_apr'::text as apr) as asked
    left join public.os_proposals p on p.apr = asked.apr
)
select proposed
       and os_proposal_approvals >= 1
       and l2_votes >= l2_quorum
       and l4_signatures >= 1 as ready,
       case
           when not proposed then
               format('There is no proposal %s in this database, so nobody can have ratified it.', apr)
           when os_proposal_approvals < 1 then
               format('%s is not ratified: it has %s ratified approvals in os_proposal_approvals and needs at least 1.',
                      apr, os_proposal_approvals)
           when l2_votes < l2_quorum then
               format('%s has an approval, but only %s of the %s L2 votes it needs.', apr, l2_votes, l2_quorum)
           when l4_signatures < 1 then
               format('%s has an approval, but the L4 e-signature is missing.', apr)
           else
               format('%s is ratified: %s L2 votes (quorum %s) and the L4 e-signature are on record.',
                      apr, l2_votes, l2_quorum)
       end as reason,
       apr,
       os_proposal_approvals,
       l2_votes,
       l2_quorum,
       l4_signatures
from evidence;
