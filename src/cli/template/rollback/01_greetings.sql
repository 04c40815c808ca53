drop table if exists public.greetings;
