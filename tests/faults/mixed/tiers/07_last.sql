insert into public.flags values ('last', 1);
