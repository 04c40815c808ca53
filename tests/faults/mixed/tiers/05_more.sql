insert into public.orders values (501, 'wild', 8);
