select 'wild' as name, count(*) = 1 as ok from public.orders where mood::text = 'wild';
