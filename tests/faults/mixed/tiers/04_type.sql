alter type public.mood add value 'wild';
vacuum (analyze) public.orders;
update public.flags set value = value + 1 where name = 'data';
