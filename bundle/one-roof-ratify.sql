-- What a human ratification writes: the L2 quorum, the L4 e-signature and the
-- approval they add up to. Give the proposal with -v ratified_apr=CODE.
-- A second run adds nothing. A code that is not on record is refused by its foreign key.

\echo recording the ratification of :ratified_apr

insert into public.os_proposal_votes (apr, level, person, vote) values
    (:'ratified_apr', 'L2', 'council-member-1', 'approve'),
    (:'ratified_apr', 'L2', 'council-member-2', 'approve'),
    (:'ratified_apr', 'L2', 'council-member-3', 'approve'),
    (:'ratified_apr', 'L4', 'president',        'e-sign')
on conflict do nothing;

insert into public.os_proposal_approvals (apr, decision, recorded_by) values
    (:'ratified_apr', 'ratified', 'council-secretary')
on conflict do nothing;
