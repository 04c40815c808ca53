select count(*) > 0 as ready, 'approved' as reason from public.approvals;
