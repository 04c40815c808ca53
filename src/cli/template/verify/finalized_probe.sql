select to_regclass('public.greetings') is not null as greetings_table,
       count(*) as greetings
from public.greetings;
