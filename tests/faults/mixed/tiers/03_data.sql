update public.orders set customer = customer + 1;
insert into public.flags values ('data', 1);
