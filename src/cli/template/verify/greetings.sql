select 'every greeting has a text' as name, count(*) = 0 as ok, count(*) || ' are empty' as detail
from public.greetings
where text = '';
